-- Whether the figures of each day (UTC) are rolled: hours that are, and hours that each question counts from their
-- events.
-- Grain: one row per day.
-- Reads: usage_coverage
SELECT
    day AS time,
    length(clean_hours) AS rolled_hours,
    length(raw_hours) AS counted_hours
FROM usage_coverage(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC')
)
ORDER BY time
