-- How long requests to all models took, over time.
-- Grain: one row per stretch: an hour, day, week or month.
-- Reads: usage_over_time
SELECT begin_at AS time, p50_ms, p95_ms
FROM usage_over_time(
    kind = 'all',
    operation = 'model.request',
    subject = '',
    bucket = multiIf(
        $__interval_s <= 1800, 'hour',
        $__interval_s <= 21600, 'day',
        $__interval_s <= 172800, 'week',
        'month'
    ),
    zone = replaceOne('${__timezone}', 'utc', 'UTC'),
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
ORDER BY time
