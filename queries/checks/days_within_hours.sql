-- No rolled day consumed other rows than its rolled hours, and no week others than its days, unless it is to be rolled
-- again: more than its parts it never has, it is made from them.
-- Grain: one row per kind, section and day.
-- Reads: usage_rolls
SELECT
    kind,
    section,
    toStartOfDay(bucket) AS day,
    sumIf(consumed, grain = 'day') AS consumed_by_day,
    sumIf(consumed, grain = 'hour') AS consumed_by_hours
FROM usage_rolls FINAL
GROUP BY kind, section, day
HAVING consumed_by_day > consumed_by_hours
ORDER BY kind, section, day
