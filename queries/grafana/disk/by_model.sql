-- What each chosen model takes on disk against its use.
-- Grain: one row per model.
-- Reads: storage_by_model
SELECT
    model,
    size_bytes,
    share_of_bytes,
    share_of_requests,
    bytes_per_request,
    last_used_at,
    dateDiff('second', last_used_at, toDateTime64($__toTime_ms, 6, 'UTC')) / 86400 AS unused_days
FROM storage_by_model(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE model != ''
    AND $__conditionalAll(model IN (${model:singlequote}), $model)
ORDER BY size_bytes DESC, model
