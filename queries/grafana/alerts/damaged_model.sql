-- Files of each model that its newest health check found damaged or missing. Read from the events, which are kept for
-- 90 days.
-- Grain: one row per model with a health check.
-- Reads: usage_operations
SELECT model, argMax(files_corrupted + files_missing, start) AS damaged_files
FROM usage_operations(
    kind = '',
    subject = '',
    operation = 'model.health_check',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE model != ''
GROUP BY model
