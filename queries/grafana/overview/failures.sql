-- What goes wrong with requests, by type of error.
-- Grain: one row per type of error.
-- Reads: failures_by_error_type
SELECT error_type, failures, share, first_seen_at, last_seen_at
FROM failures_by_error_type(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
ORDER BY failures DESC, error_type
