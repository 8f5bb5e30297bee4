-- The materialised views that are there, whether noted as applied or not.
-- Grain: one row per view.
-- Reads: nothing
-- Read by: migrate
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND engine = 'MaterializedView'
ORDER BY name
