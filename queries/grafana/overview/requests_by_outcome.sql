-- How requests to all models ended, over time. Outcomes are disjoint.
-- Grain: one row per hour, or day where the panel shows more than two weeks.
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
    bucket = if($__interval_s <= 1800, 'hour', 'day'),
    zone = replaceOne('${__timezone}', 'utc', 'UTC'),
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
ORDER BY time
