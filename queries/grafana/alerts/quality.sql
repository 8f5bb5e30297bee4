-- The mean quality of the results of each model and pattern with ten or more that were judged.
-- Grain: one row per model and pattern with enough operations.
-- Reads: success_by_subject
SELECT 'model' AS kind, subject, mean_quality
FROM success_by_subject(
    kind = 'model',
    operation = 'model.request',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE judged >= 10
UNION ALL
SELECT 'pattern' AS kind, subject, mean_quality
FROM success_by_subject(
    kind = 'pattern',
    operation = 'pattern.run',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE judged >= 10
