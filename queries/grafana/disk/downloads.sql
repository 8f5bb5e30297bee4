-- What was downloaded of each chosen model: how often, how much, how fast, and how often it failed.
-- Grain: one row per model.
-- Reads: downloads_by_model
SELECT model, downloads, failures, abandoned, in_flight, moved_bytes, bytes_per_second, last_begun_at
FROM downloads_by_model(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE $__conditionalAll(model IN (${model:singlequote}), $model)
ORDER BY moved_bytes DESC, model
