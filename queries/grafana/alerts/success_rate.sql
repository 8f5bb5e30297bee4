-- The success rate of each model and pattern with 20 operations or more that could succeed.
-- Grain: one row per model and pattern with enough operations.
-- Reads: success_by_subject
SELECT 'model' AS kind, subject, success_rate
FROM success_by_subject(
    kind = 'model',
    operation = 'model.request',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE operations - cancelled - in_flight >= 20
UNION ALL
SELECT 'pattern' AS kind, subject, success_rate
FROM success_by_subject(
    kind = 'pattern',
    operation = 'pattern.run',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE operations - cancelled - in_flight >= 20
