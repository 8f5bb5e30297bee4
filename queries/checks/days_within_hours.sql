-- No rolled day consumed more rows than its rolled hours: days are made from them.
-- Grain: one row per kind and day.
-- Reads: usage_rolls
SELECT
    kind,
    toStartOfDay(bucket) AS day,
    sumIf(consumed, grain = 'day') AS consumed_by_day,
    sumIf(consumed, grain = 'hour') AS consumed_by_hours
FROM usage_rolls FINAL
GROUP BY kind, day
HAVING consumed_by_day > consumed_by_hours
ORDER BY kind, day
