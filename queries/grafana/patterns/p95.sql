-- The duration that all but five of a hundred runs stayed below, of each pattern, over time.
-- Grain: one row per pattern and stretch: an hour, day, week or month.
-- Reads: usage_summary
SELECT period AS time, key AS pattern, p95_ms
FROM usage_summary(
    kind = 'pattern',
    operation = 'pattern.run',
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
ORDER BY time, pattern
