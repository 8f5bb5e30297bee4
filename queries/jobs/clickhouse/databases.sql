-- The databases there are, ours and the engine's own.
-- Grain: one row per database.
-- Reads: nothing
-- Read by: the ClickHouse interface of the local server
SELECT name
FROM system.databases
ORDER BY name
