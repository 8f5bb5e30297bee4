-- The functions the engine knows, by which a query can call them in any spelling.
-- Grain: one row per name in lower case.
-- Reads: nothing
-- Read by: the ClickHouse interface of the local server
SELECT DISTINCT lower(name) AS name
FROM system.functions
ORDER BY name
