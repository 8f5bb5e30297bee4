-- How many different users ask each chosen model.
-- Grain: one row per model, at most 20.
-- Reads: usage_by_model
SELECT model, users
FROM usage_by_model(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE $__conditionalAll(model IN (${model:singlequote}), $model)
ORDER BY users DESC, model
LIMIT 20
