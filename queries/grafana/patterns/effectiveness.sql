-- How effective each pattern is, and what to do with it.
-- Grain: one row per pattern.
-- Reads: pattern_effectiveness
SELECT
    pattern,
    runs,
    effectiveness_score,
    success_rate,
    error_rate,
    mean_quality,
    quality_gate_failures,
    p95_ms,
    trend,
    recommendation,
    warnings,
    last_used_at
FROM pattern_effectiveness(
    subject = '',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600,
    excellent_ms = 500
)
ORDER BY effectiveness_score DESC, pattern
