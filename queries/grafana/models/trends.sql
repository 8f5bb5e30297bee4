-- Whether the use of each chosen model grows, and how sure that is.
-- Grain: one row per model.
-- Reads: usage_trends
SELECT
    subject AS model,
    operations AS requests,
    trend_type AS trend,
    growth_percentage,
    confidence_score,
    retention_rate
FROM usage_trends(
    kind = 'model',
    operation = 'model.request',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC')
)
WHERE $__conditionalAll(subject IN (${model:singlequote}), $model)
ORDER BY requests DESC, model
