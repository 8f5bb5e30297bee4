-- How slow each model and pattern is, where there are 20 durations or more: above 1 where p95 is above what is
-- excellent and p99 above twice that (0.5 and 1 s for patterns, 150 and 300 s for models).
-- Grain: one row per model and pattern with enough operations.
-- Reads: speed_by_subject
SELECT 'model' AS kind, subject, least(p95_ms / limit_ms, p99_ms / limit_ms / 2) AS slowness
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
WHERE operations >= 20
UNION ALL
SELECT 'pattern' AS kind, subject, least(p95_ms / limit_ms, p99_ms / limit_ms / 2) AS slowness
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
WHERE operations >= 20
