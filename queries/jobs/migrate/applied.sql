-- The files already applied, each in its newest form.
-- Grain: one row per file.
-- Reads: schema_migrations
-- Read by: migrate
SELECT name, checksum
FROM schema_migrations FINAL
ORDER BY name
