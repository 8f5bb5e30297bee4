-- No roll consumed more rows than its hour has events, where it still has any: it would stay clean with figures of
-- rows that do not exist.
-- Grain: one row per kind and hour.
-- Reads: usage_rolls, usage_events
WITH
    stored_by_hour AS (
        SELECT
            toStartOfHour(start)::DateTime('UTC') AS hour,
            count() AS stored_rows
        FROM usage_events
        GROUP BY hour
    )

SELECT
    r.kind AS kind,
    r.bucket AS bucket,
    max(r.consumed) AS consumed_rows,
    any(s.stored_rows) AS stored_rows
FROM usage_rolls AS r
INNER JOIN stored_by_hour AS s ON s.hour = r.bucket
WHERE r.grain = 'hour'
GROUP BY kind, bucket
HAVING consumed_rows > stored_rows
ORDER BY kind, bucket
