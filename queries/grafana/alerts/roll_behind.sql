-- Whole hours of the window that are not rolled, so that each question counts them from their events.
-- Grain: one row.
-- Reads: usage_coverage
SELECT sum(length(raw_hours)) AS hours_behind
FROM usage_coverage(
    since = toStartOfHour(toDateTime64($__fromTime_ms, 6, 'UTC')),
    until = toStartOfHour(toDateTime64($__toTime_ms, 6, 'UTC'))
)
