-- When use comes in a week: together (kind 'all'), or for each subject of a kind or one of them, by weekday and hour
-- of a zone; hours without use are there with zeros. A zone of half hours is served by whole hours of UTC.
-- Grain: one row per subject, day of the week (0 is Monday) and hour of the day.
-- Reads: usage_summary
-- Read by: stats peaks
WITH
    by_subject AS (
        SELECT
            key,
            sum(u.operations) AS of_week,
            groupArray(u.slot) AS slots,
            groupArray((u.operations, u.failures, u.users, u.success_rate, u.mean_ms)) AS figures
        FROM usage_summary(
            kind = {kind:String},
            operation = {operation:String},
            by = 'subject',
            per = 'hour_of_week',
            zone = {zone:String},
            finest = 'hour',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        ) AS u
        WHERE {subject:String} = '' OR key = {subject:String}
        GROUP BY key
    ),

    by_hour AS (
        SELECT
            key,
            of_week,
            n.number AS number,
            -- an hour without use has no place, where an array gives zeros and nulls
            figures[indexOf(slots, n.number)] AS f
        FROM by_subject
        CROSS JOIN numbers(168) AS n
    )

SELECT
    key AS subject,
    toUInt8(intDiv(number, 24)) AS day_of_week,
    toUInt8(number % 24) AS hour_of_day,
    f.1 AS operations,
    f.1 / of_week AS share,
    f.2 AS failures,
    f.3 AS users,
    f.4 AS success_rate,
    f.5 AS mean_ms
FROM by_hour
ORDER BY subject, day_of_week, hour_of_day
