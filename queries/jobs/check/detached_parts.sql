-- The parts that the engine put aside when it started, because they were broken.
-- Grain: one row per part.
-- Reads: nothing
-- Read by: the record of parts, where the engine runs in this process
SELECT
    table,
    name AS part,
    reason
FROM system.detached_parts
WHERE database = currentDatabase()
ORDER BY table, part
