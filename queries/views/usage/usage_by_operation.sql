-- How much each kind of operation happens, how well and how fast: those of ours and those that a host named itself,
-- with a model or without.
-- Counted by service, since every operation has one; users are known by model and by pattern only. What ran inside
-- another operation of its kind is part of that one and not counted here.
-- Grain: one row per operation name with an operation in the window.
-- Reads: usage_summary
-- Read by: stats operations
SELECT
    key AS operation,
    subjects AS services,
    operations,
    successes,
    partial_successes,
    failed AS unacceptable_results,
    errors,
    failures,
    cancelled,
    abandoned,
    in_flight,
    success_rate,
    mean_ms,
    p50_ms,
    p95_ms,
    p99_ms,
    first_used_at,
    last_used_at
FROM usage_summary(
    kind = 'service',
    operation = '',
    by = 'operation',
    per = '',
    zone = 'UTC',
    finest = 'week',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
)
WHERE NOT startsWith(operation, 'nested ')
ORDER BY operations DESC, operation
