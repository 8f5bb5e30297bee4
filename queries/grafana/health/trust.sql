-- How far the figures of the window can be trusted: age of the newest data, coverage, what is known to be lost.
-- Grain: one row.
-- Reads: answer_context
SELECT
    dateDiff('second', newest_at, toDateTime64($__toTime_ms, 6, 'UTC')) AS data_age_seconds,
    coverage,
    known_loss,
    quarantined,
    late,
    dirty_hours
FROM answer_context(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC')
)
