-- When requests come in a week: hours of the day down, days across, in the zone of the dashboard.
-- Grain: one row per hour of the day.
-- Reads: usage_by_hour_of_week
SELECT
    leftPad(toString(hour_of_day), 2, '0') AS hour,
    sumIf(operations, day_of_week = 0) AS Mon,
    sumIf(operations, day_of_week = 1) AS Tue,
    sumIf(operations, day_of_week = 2) AS Wed,
    sumIf(operations, day_of_week = 3) AS Thu,
    sumIf(operations, day_of_week = 4) AS Fri,
    sumIf(operations, day_of_week = 5) AS Sat,
    sumIf(operations, day_of_week = 6) AS Sun
FROM usage_by_hour_of_week(
    kind = 'all',
    operation = 'model.request',
    subject = '',
    zone = replaceOne('${__timezone}', 'utc', 'UTC'),
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
GROUP BY hour
ORDER BY hour
