-- What is rolled of each day that a window touches, and what is not.
-- An hour is clean when its roll consumed exactly the rows its events have now, or when it was rolled and its events
-- are gone (then only whole hours are left to give, so a partial hour counts whole). Days are made from their hours and
-- weeks from their days: they are clean when all of those are and they consumed the same rows. Within a query the count
-- and the events it counts come from one snapshot. The rolls of all kinds of a bucket are written at once: those of one
-- kind tell of all.
-- Grain: one row per day with events or rolls in the window.
-- Reads: usage_rolls, usage_events
-- Read by: usage_cover, the roll job
SELECT
    toStartOfDay(bucket) AS day,
    groupArrayIf(bucket, is_clean) AS clean_hours,
    groupArrayIf((bucket, stored), stored > 0 AND NOT is_clean) AS raw_hours,
    sum(hour_rolled) AS hours_consumed,
    max(day_rolled) AS day_consumed,
    max(week_rolled) AS week_consumed,
    empty(raw_hours)
        AND day_consumed = hours_consumed
        AND day >= {since:DateTime64(6, 'UTC')}
        AND day + 86400 <= {until:DateTime64(6, 'UTC')} AS is_day
FROM (
    SELECT
        bucket,
        sumIf(counted, what = 'hour') AS hour_rolled,
        sumIf(counted, what = 'day') AS day_rolled,
        sumIf(counted, what = 'week') AS week_rolled,
        sumIf(counted, what = 'stored') AS stored,
        hour_rolled > 0
            AND (
                stored = 0
                OR (
                    stored = hour_rolled
                    AND bucket >= {since:DateTime64(6, 'UTC')}
                    AND bucket + 3600 <= {until:DateTime64(6, 'UTC')}
                )
            ) AS is_clean
    FROM (
        SELECT grain::String AS what, bucket, max(consumed) AS counted
        FROM usage_rolls
        WHERE kind = 'all'
            AND section = 'request'
            AND grain != 'slice'
            AND bucket >= toStartOfHour({since:DateTime64(6, 'UTC')})
            AND bucket < {until:DateTime64(6, 'UTC')}
        GROUP BY what, bucket
        UNION ALL
        SELECT 'stored', toStartOfHour(start)::DateTime('UTC') AS hour, count()
        FROM usage_events
        WHERE toStartOfHour(start) >= toStartOfHour({since:DateTime64(6, 'UTC')})
            AND toStartOfHour(start) < {until:DateTime64(6, 'UTC')}
        GROUP BY hour
    )
    GROUP BY bucket
)
GROUP BY day
