-- The mean quality of the results of each pattern over time, as runs said it themselves, else as somebody evaluated
-- them afterwards.
-- Grain: one row per pattern and stretch: a day, week or month.
-- Reads: usage_over_time
SELECT begin_at AS time, subject AS pattern, mean_quality
FROM usage_over_time(
    kind = 'pattern',
    operation = 'pattern.run',
    subject = '',
    bucket = multiIf(
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
WHERE isNotNull(mean_quality)
ORDER BY time, pattern
