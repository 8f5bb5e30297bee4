-- The settings the engine knows, with the value each has where nobody chooses.
-- Grain: one row per setting.
-- Reads: nothing
-- Read by: the ClickHouse interface of the local server
SELECT
    name,
    value
FROM system.settings
ORDER BY name
