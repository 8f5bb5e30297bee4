-- The inserts that run now, on a server where others write as well.
-- Grain: one row per insert.
-- Reads: nothing
-- Read by: jobs that must not miss a row which was on its way
SELECT query_id
FROM system.processes
WHERE query_kind IN ('Insert', 'AsyncInsertFlush')
ORDER BY query_id
