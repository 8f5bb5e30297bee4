-- How effective the patterns are that run most, and what to do with them.
-- Grain: one row per pattern, at most ten.
-- Reads: pattern_effectiveness
SELECT pattern, runs, success_rate, effectiveness_score, recommendation, warnings
FROM pattern_effectiveness(
    subject = '',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600,
    excellent_ms = 500
)
ORDER BY runs DESC, pattern
LIMIT 10
