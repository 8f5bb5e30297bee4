-- What goes wrong with each chosen model, beside all its requests. Read from the events, which are kept for 90 days.
-- Grain: one row per model and type of error.
-- Reads: failures_by_model
SELECT model, error_type, failures, requests, share_of_requests, last_seen_at
FROM failures_by_model(
    subject = '',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE $__conditionalAll(model IN (${model:singlequote}), $model)
ORDER BY failures DESC, model, error_type
