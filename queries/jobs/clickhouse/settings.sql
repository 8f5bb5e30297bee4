-- The settings the engine knows.
-- Grain: one row per setting.
-- Reads: nothing
-- Read by: the ClickHouse interface of the local server
SELECT name
FROM system.settings
ORDER BY name
