-- How long finished requests of each chosen model took, against what is slow for a model.
-- Grain: one row per model.
-- Reads: speed_by_subject
SELECT subject AS model, mean_ms, p50_ms, p95_ms, p99_ms, max_ms, mean_queue_ms, verdict
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
WHERE $__conditionalAll(subject IN (${model:singlequote}), $model)
ORDER BY p95_ms DESC, model
