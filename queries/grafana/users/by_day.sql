-- How many users ask models on each day (UTC), those who came for the first time in the window apart.
-- Grain: one row per day.
-- Reads: users_by_day
SELECT toDateTime(day, 'UTC') AS time, new_users, returning_users
FROM users_by_day(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
ORDER BY time
