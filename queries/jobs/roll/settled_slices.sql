-- Hours whose slices nobody needs any more: settled, and rolled for long enough that no reader still goes by them.
-- Grain: one row per hour.
-- Reads: usage_rolls, usage_events
-- Read by: the roll job
WITH
    sliced AS (
        SELECT toStartOfHour(bucket) AS hour
        FROM usage_rolls
        WHERE kind = 'all' AND section = 'request' AND grain = 'slice'
        GROUP BY hour
    ),

    rolled AS (
        SELECT bucket, max(consumed) AS counted, argMax(rolled_at, consumed) AS since
        FROM usage_rolls
        WHERE kind = 'all' AND section = 'request' AND grain = 'hour'
        GROUP BY bucket
    )

SELECT sliced.hour AS hour
FROM sliced
INNER JOIN rolled ON rolled.bucket = sliced.hour
WHERE sliced.hour < {settled_until:DateTime64(6, 'UTC')}
    AND rolled.since < {rolled_until:DateTime64(6, 'UTC')}
    AND (rolled.bucket, rolled.counted) IN (
        SELECT toStartOfHour(start)::DateTime('UTC') AS hour, count()
        FROM usage_events
        GROUP BY hour
    )
ORDER BY hour
