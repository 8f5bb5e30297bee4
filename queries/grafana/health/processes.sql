-- Whether what each process did is all here: what it counted itself against what is stored of it.
-- Grain: one row per process.
-- Reads: completeness_by_instance
SELECT
    service,
    instance,
    verdict,
    unexplained,
    dropped,
    started,
    stored,
    stored_unfinished,
    quarantined,
    last_heartbeat_at
FROM completeness_by_instance(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    event_retention_days = 90
)
WHERE $__conditionalAll(service IN (${service:singlequote}), $service)
ORDER BY unexplained DESC NULLS LAST, last_heartbeat_at DESC, instance
