-- How requests to all models ended, over time. Outcomes are disjoint.
-- Grain: one row per hour; per day, week or month where the panel shows more.
-- Reads: usage_over_time
SELECT
    begin_at AS time,
    successes,
    partial_successes,
    failures,
    cancelled,
    abandoned,
    in_flight
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
