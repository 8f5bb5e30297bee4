-- How full the disks of hosts are, and in how many days they will be full.
-- Grain: one row per host and disk.
-- Reads: disk_by_volume
SELECT
    host,
    volume,
    size_bytes,
    free_bytes,
    used_share,
    models_bytes,
    rubbish_bytes,
    growth_bytes_per_day,
    changes,
    days_until_full,
    days_until_full_low,
    days_until_full_high
FROM disk_by_volume(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC')
)
ORDER BY days_until_full IS NULL, days_until_full, used_share DESC, host, volume
