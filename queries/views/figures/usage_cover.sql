-- What serves a window: a rolled day, a rolled hour, or the events of an hour (raw).
-- A bucket is clean when its roll consumed exactly the rows its events have now, or when it was rolled and its
-- events are gone (then only whole hours are left to give, so a partial hour counts whole).
-- finest 'hour' asks for no days. Within a query the count and the events it counts come from one snapshot.
-- Grain: one row per bucket that serves the window.
-- Reads: usage_rolls, usage_events
-- Read by: usage_figures, the roll job
WITH
    consumed_by_bucket AS (
        SELECT grain::String AS grain, bucket, consumed AS consumed_rows, 0 AS stored_rows
        FROM usage_rolls
        WHERE kind = {kind:String}
            AND bucket >= toStartOfDay({since:DateTime64(6, 'UTC')})
            AND bucket < {until:DateTime64(6, 'UTC')}
    ),

    stored_by_bucket AS (
        SELECT
            grain,
            if(grain = 'day', toStartOfDay(hour), hour) AS bucket,
            0 AS consumed_rows,
            hour_rows AS stored_rows
        FROM (
            SELECT toStartOfHour(start)::DateTime('UTC') AS hour, count() AS hour_rows
            FROM usage_events
            WHERE toStartOfHour(start) >= toStartOfDay({since:DateTime64(6, 'UTC')})
                AND toStartOfHour(start) < {until:DateTime64(6, 'UTC')}
            GROUP BY hour
        )
        ARRAY JOIN ['hour', 'day'] AS grain
    ),

    buckets AS (
        SELECT
            grain,
            bucket,
            max(consumed_rows) AS rolled,
            sum(stored_rows) AS stored,
            bucket >= {since:DateTime64(6, 'UTC')}
                AND bucket + if(grain = 'day', 86400, 3600) <= {until:DateTime64(6, 'UTC')} AS is_whole,
            rolled > 0
                AND if(stored = 0, is_whole OR grain = 'hour', is_whole AND stored = rolled)
                AND (grain = 'hour' OR {finest:String} = 'day') AS is_clean
        FROM (SELECT * FROM consumed_by_bucket UNION ALL SELECT * FROM stored_by_bucket)
        GROUP BY grain, bucket
        HAVING bucket + if(grain = 'day', 86400, 3600) > {since:DateTime64(6, 'UTC')}
    ),

    picks_by_day AS (
        SELECT
            toStartOfDay(bucket) AS day,
            groupArrayIf(('day', bucket, stored), grain = 'day' AND is_clean) AS clean_day,
            groupArrayIf((if(is_clean, 'hour', 'raw'), bucket, stored), grain = 'hour') AS hours
        FROM buckets
        GROUP BY day
    )

SELECT pick.1 AS source, pick.2 AS bucket, pick.3 AS stored_rows
FROM picks_by_day
ARRAY JOIN if(notEmpty(clean_day), clean_day, hours) AS pick
