-- Requests that waited for a load, of each chosen model, over time; of more than ten those asked most.
-- Grain: one row per model and stretch: an hour, day, week or month.
-- Reads: usage_summary, usage_by_model
SELECT period AS time, key AS model, cold_starts
FROM usage_summary(
    kind = 'model',
    operation = 'model.request',
    by = 'subject',
    per = multiIf(
        $__interval_s <= 1800, 'hour',
        $__interval_s <= 21600, 'day',
        $__interval_s <= 172800, 'week',
        'month'
    ),
    zone = replaceOne('${__timezone}', 'utc', 'UTC'),
    finest = if('${__timezone}' = 'utc' AND $__interval_s > 1800, 'day', 'hour'),
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE key IN (
    SELECT m.model
    FROM usage_by_model(
        since = toDateTime64($__fromTime_ms, 6, 'UTC'),
        until = toDateTime64($__toTime_ms, 6, 'UTC'),
        as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
        abandoned_after_seconds = 21600
    ) AS m
    WHERE $__conditionalAll(m.model IN (${model:singlequote}), $model)
    ORDER BY m.requests DESC, m.model
    LIMIT 10
)
ORDER BY time, model
