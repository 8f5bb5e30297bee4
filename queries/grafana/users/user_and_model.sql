-- Which user asks which of the chosen models, and how it goes; users by their pseudonymous hashes. Read from the
-- events, which are kept for 90 days.
-- Grain: one row per user and model, at most 500.
-- Reads: usage_by_user_and_model
SELECT user, model, requests, success_rate, cold_starts, mean_ms, last_used_at
FROM usage_by_user_and_model(
    user = '',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE $__conditionalAll(model IN (${model:singlequote}), $model)
ORDER BY requests DESC, user, model
LIMIT 500
