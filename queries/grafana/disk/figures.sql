-- What the models take on disk that were ever seen, and how much of it nobody used for 30 days: sizes as downloads and
-- loads said them.
-- Grain: one row.
-- Reads: storage_by_model
SELECT
    count() AS models,
    sum(size_bytes) AS known_bytes,
    sumIf(
        s.size_bytes,
        coalesce(last_used_at < toDateTime64($__toTime_ms, 6, 'UTC') - INTERVAL 30 DAY, true)
    ) AS unused_bytes,
    countIf(isNull(last_used_at)) AS never_used_models
FROM storage_by_model(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
) AS s
WHERE model != ''
