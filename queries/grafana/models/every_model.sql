-- Every model that was ever seen, asked in the window or not: when it was last used, what it takes on disk, and how it
-- does.
-- Grain: one row per model.
-- Reads: storage_by_model, usage_by_model, usage_trends
SELECT
    s.model AS model,
    s.last_used_at AS last_used_at,
    s.size_bytes AS size_bytes,
    s.requests AS requests,
    s.share_of_requests AS share_of_requests,
    s.users AS users,
    u.success_rate AS success_rate,
    u.p95_ms AS p95_ms,
    u.cold_starts AS cold_starts,
    t.trend_type AS trend
FROM storage_by_model(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
) AS s
LEFT JOIN usage_by_model(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
) AS u ON u.model = s.model
LEFT JOIN usage_trends(
    kind = 'model',
    operation = 'model.request',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC')
) AS t ON t.subject = s.model
WHERE s.model != ''
    AND $__conditionalAll(s.model IN (${model:singlequote}), $model)
ORDER BY last_used_at ASC NULLS FIRST, model
