-- The hours, days, weeks (from Monday) or months of a zone that a window touches, by their starts: so that those
-- without use are there too. Each hour of the window leads to the stretch it is in, which is right for days of 23 hours
-- and for months. usage_summary cuts time in the same way.
-- Grain: one row per stretch.
-- Reads: nothing
-- Read by: usage_over_time
WITH toTimeZone(fromUnixTimestamp(toInt64(3600 * hour)), {zone:String}) AS there

SELECT DISTINCT
    if({bucket:String} = 'hour', there,
        if({bucket:String} = 'day', toStartOfDay(there),
            if({bucket:String} = 'week', toDateTime(toStartOfWeek(there, 1), {zone:String}),
                toDateTime(toStartOfMonth(there), {zone:String}))))::DateTime('UTC') AS begin
FROM (
    SELECT arrayJoin(range(
        intDiv(toUnixTimestamp64Micro({since:DateTime64(6, 'UTC')}), 3600000000)::UInt64,
        intDiv(toUnixTimestamp64Micro({until:DateTime64(6, 'UTC')}) + 3599999999, 3600000000)::UInt64
    )) AS hour
)
