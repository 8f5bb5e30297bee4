-- The views that are there, materialised or not, whether noted as applied or not.
-- Grain: one row per view.
-- Reads: nothing
-- Read by: migrate
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND engine IN ('MaterializedView', 'View')
ORDER BY name
