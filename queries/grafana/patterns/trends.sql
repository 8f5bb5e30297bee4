-- Whether the use of each pattern grows, who takes it up and who stays.
-- Grain: one row per pattern.
-- Reads: usage_trends
SELECT subject AS pattern, operations AS runs, trend_type AS trend, growth_percentage, confidence_score, retention_rate
FROM usage_trends(
    kind = 'pattern',
    operation = 'pattern.run',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC')
)
ORDER BY runs DESC, pattern
