-- The five-minute slices of given hours: what their rolls consumed, and the rows their events have now.
-- Grain: one row per slice with events or a roll.
-- Reads: usage_rolls, usage_events
-- Read by: usage_slices, the roll job
SELECT
    bucket,
    max(rolled) AS consumed,
    max(events) AS stored,
    consumed = stored
        AND bucket >= {since:DateTime64(6, 'UTC')}
        AND bucket + 300 <= {until:DateTime64(6, 'UTC')} AS is_clean
FROM (
    SELECT bucket, consumed AS rolled, 0 AS events
    FROM usage_rolls
    WHERE kind = 'all'
        AND section = 'request'
        AND grain = 'slice'
        AND toStartOfHour(bucket) IN {hours:Array(DateTime('UTC'))}
    UNION ALL
    SELECT toStartOfFiveMinutes(start)::DateTime('UTC') AS slice, 0, count()
    FROM usage_events
    WHERE toStartOfHour(start) IN {hours:Array(DateTime('UTC'))}
    GROUP BY slice
)
GROUP BY bucket
HAVING bucket + 300 > {since:DateTime64(6, 'UTC')} AND bucket < {until:DateTime64(6, 'UTC')}
