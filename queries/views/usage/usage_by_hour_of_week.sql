-- When use comes in a week: together (kind 'all'), or for each subject of a kind or one of them, by weekday and hour
-- of a zone; hours without use are there with zeros. A zone of half hours is served by whole hours of UTC.
-- Grain: one row per subject, day of the week (0 is Monday) and hour of the day.
-- Reads: usage_summary
-- Read by: stats peaks
WITH
    found AS (
        SELECT key, slot, operations, failures, users, success_rate, mean_ms
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
        )
        WHERE {subject:String} = '' OR key = {subject:String}
    ),

    totals AS (
        SELECT key, sum(operations) AS of_week FROM found GROUP BY key
    )

SELECT
    t.key AS subject,
    toUInt8(intDiv(n.number, 24)) AS day_of_week,
    toUInt8(n.number % 24) AS hour_of_day,
    f.operations AS operations,
    f.operations / t.of_week AS share,
    f.failures AS failures,
    f.users AS users,
    f.success_rate AS success_rate,
    f.mean_ms AS mean_ms
FROM totals AS t
CROSS JOIN numbers(168) AS n
LEFT JOIN found AS f ON f.key = t.key AND f.slot = n.number
ORDER BY subject, day_of_week, hour_of_day
