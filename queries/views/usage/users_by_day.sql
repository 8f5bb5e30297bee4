-- Who uses models: users per day, and how many of them are new within the window. Users are pseudonymous hashes.
-- Grain: one row per day (UTC) with a request in the window.
-- Reads: usage_summary, usage_figures
-- Read by: stats users
WITH
    first_days AS (
        SELECT first_day, count() AS new_users
        FROM (
            SELECT user, min(toDate(bucket)) AS first_day
            FROM usage_figures(
                kind = 'all',
                operation = 'model.request',
                since = {since:DateTime64(6, 'UTC')},
                until = {until:DateTime64(6, 'UTC')},
                finest = 'day'
            )
            -- a user is a number once numbered, a hash before: never both in one answer
            ARRAY JOIN arrayConcat(
                arrayMap(number -> (toUInt64(number), toUInt64(0)), bitmapToArray(users)),
                arrayMap(hash -> (toUInt64(0), hash), unnumbered_users)
            ) AS user
            GROUP BY user
        )
        GROUP BY first_day
    ),

    days AS (
        SELECT toDate(period) AS day, operations, users
        FROM usage_summary(
            kind = 'all',
            operation = 'model.request',
            by = '',
            per = 'day',
            zone = 'UTC',
            finest = 'day',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
    )

SELECT
    days.day AS day,
    days.users AS users,
    first_days.new_users AS new_users,
    days.users - first_days.new_users AS returning_users,
    days.operations AS requests,
    if(days.users = 0, NULL, days.operations / days.users) AS requests_per_user
FROM days
LEFT JOIN first_days ON first_days.first_day = days.day
ORDER BY day
