-- How long the finished requests of each model took.
-- Grain: one row per model with a finished request in the window.
-- Reads: usage_summary
-- Read by: people and dashboards
SELECT
    key AS model,
    durations AS requests,
    mean_ms,
    p50_ms,
    p95_ms,
    p99_ms,
    min_ms,
    max_ms,
    stddev_ms,
    total_ms
FROM usage_summary(
    kind = 'model',
    operation = 'model.request',
    by = 'subject',
    per = '',
    zone = 'UTC',
    finest = 'week',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
)
WHERE durations > 0
ORDER BY p95_ms DESC, model
