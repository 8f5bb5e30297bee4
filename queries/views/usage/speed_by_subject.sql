-- How long the finished operations of each subject of a kind took, how long they waited in a queue, and whether that is
-- good: excellent where the p95 is below the limit of its class, attention up to twice that, slow beyond. The limit is
-- excellent_ms for runs of patterns, half of performance_slow_seconds for everything else: a video takes minutes.
-- Grain: one row per subject with a finished operation in the window.
-- Reads: usage_summary
-- Read by: stats speed
SELECT
    key AS subject,
    durations AS operations,
    mean_ms,
    p50_ms,
    p95_ms,
    p99_ms,
    min_ms,
    max_ms,
    stddev_ms,
    total_ms,
    mean_queue_ms,
    max_queue_ms,
    if({operation:String} = 'pattern.run', {excellent_ms:Float64}, {performance_slow_seconds:Float64} * 500)
        AS limit_ms,
    multiIf(p95_ms < limit_ms, 'excellent', p95_ms <= 2 * limit_ms, 'attention', 'slow') AS verdict
FROM usage_summary(
    kind = {kind:String},
    operation = {operation:String},
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
ORDER BY p95_ms DESC, subject
