-- When requests come: all models together, by hour of the day in UTC; hours without use are there with zeros.
-- Grain: one row per hour of the day, 0 to 23.
-- Reads: usage_summary
-- Read by: stats hours
WITH
    used AS (
        SELECT slot AS hour, operations, failures, abandoned, users, success_rate, mean_ms, p95_ms
        FROM usage_summary(
            kind = 'all',
            operation = 'model.request',
            by = '',
            per = 'hour_of_day',
            zone = 'UTC',
            finest = 'hour',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
    )

SELECT
    toUInt8(h.number) AS hour_of_day,
    used.operations AS requests,
    used.failures AS failures,
    used.abandoned AS abandoned,
    used.users AS users,
    used.success_rate AS success_rate,
    used.mean_ms AS mean_ms,
    used.p95_ms AS p95_ms
FROM numbers(24) AS h
LEFT JOIN used ON used.hour = h.number
ORDER BY hour_of_day
