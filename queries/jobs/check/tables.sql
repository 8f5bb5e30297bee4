-- The tables whose files the engine can hold against their checksums.
-- Grain: one row per table.
-- Reads: nothing
-- Read by: the job check, where the engine runs in this process
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
ORDER BY name
