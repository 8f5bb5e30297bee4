-- Operations that each process started, that are not here, and that it does not say it lost.
-- Grain: one row per process that misses any.
-- Reads: completeness_by_instance
SELECT service, instance, assumeNotNull(unexplained) AS missing
FROM completeness_by_instance(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    event_retention_days = 90
)
WHERE unexplained > 0
