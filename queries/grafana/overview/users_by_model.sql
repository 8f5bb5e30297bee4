-- How many different users ask each model: the ten with the most.
-- Grain: one row per model, at most ten.
-- Reads: usage_by_model
SELECT model, users
FROM usage_by_model(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
ORDER BY users DESC, model
LIMIT 10
