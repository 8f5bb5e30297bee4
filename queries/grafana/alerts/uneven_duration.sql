-- How many times its p50 the p95 of each model and pattern is, where there are 20 durations or more and the p95 is
-- above what is excellent.
-- Grain: one row per model and pattern with enough operations.
-- Reads: speed_by_subject
SELECT 'model' AS kind, subject, p95_ms / p50_ms AS ratio
FROM speed_by_subject(
    kind = 'model',
    operation = 'model.request',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600,
    excellent_ms = 500,
    performance_slow_seconds = 300
)
WHERE operations >= 20 AND p95_ms > limit_ms AND p50_ms > 0
UNION ALL
SELECT 'pattern' AS kind, subject, p95_ms / p50_ms AS ratio
FROM speed_by_subject(
    kind = 'pattern',
    operation = 'pattern.run',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600,
    excellent_ms = 500,
    performance_slow_seconds = 300
)
WHERE operations >= 20 AND p95_ms > limit_ms AND p50_ms > 0
