-- Parts that were replaced, and are on the disk for a while; and parts of the same partitions that took their place.
-- Grain: one row per part.
-- Reads: nothing
-- Read by: the jobs erase_user, expire and roll, where the engine runs in this process
SELECT
    path,
    active AS is_active
FROM system.parts
WHERE database = currentDatabase()
    AND table IN {tables:Array(String)}
    AND (table, partition_id) IN (
        SELECT table, partition_id
        FROM system.parts
        WHERE database = currentDatabase() AND NOT active AND rows > 0
    )
ORDER BY path
