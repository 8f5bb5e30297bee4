-- Models that nobody asked for the longest, those that were never asked first: what could go.
-- Grain: one row per model, at most 20.
-- Reads: storage_by_model
SELECT
    model,
    last_used_at,
    dateDiff('second', last_used_at, toDateTime64($__toTime_ms, 6, 'UTC')) / 86400 AS unused_days,
    size_bytes,
    requests,
    users
FROM storage_by_model(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE model != ''
ORDER BY last_used_at ASC NULLS FIRST, size_bytes DESC, model
LIMIT 20
