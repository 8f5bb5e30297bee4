-- Tables of a copy in which a later row stands for an earlier one.
-- Grain: one row per table.
-- Reads: nothing
-- Read by: export
SELECT name AS table_name
FROM system.tables
WHERE database = {scratch:String} AND engine LIKE '%Replacing%'
ORDER BY table_name
