-- Gives the users of hours and slices that have none a number. One runner at a time.
-- Grain: one row per new user hash.
-- Reads: usage_events, users
INSERT INTO users
SELECT
    user_hash,
    ((SELECT max(number) FROM users) + row_number() OVER (ORDER BY user_hash))::UInt32 AS number
FROM (
    SELECT DISTINCT user_hash
    FROM usage_events
    WHERE (
        toStartOfHour(start) IN {raw_hours:Array(DateTime('UTC'))}
        OR toStartOfFiveMinutes(start) IN {raw_slices:Array(DateTime('UTC'))}
    )
        AND start >= {since:DateTime64(6, 'UTC')}
        AND start < {until:DateTime64(6, 'UTC')}
        AND user_hash != 0
        AND user_hash NOT IN (SELECT user_hash FROM users)
)
