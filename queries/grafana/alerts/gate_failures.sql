-- Quality gates that results of each model and pattern did not pass.
-- Grain: one row per model and pattern with use.
-- Reads: success_by_subject
SELECT 'model' AS kind, subject, quality_gate_failures
FROM success_by_subject(
    kind = 'model',
    operation = 'model.request',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE operations > 0
UNION ALL
SELECT 'pattern' AS kind, subject, quality_gate_failures
FROM success_by_subject(
    kind = 'pattern',
    operation = 'pattern.run',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE operations > 0
