-- What each column of a table takes on disk, the largest first.
-- Grain: one row per column.
SELECT column AS column_name, sum(column_bytes_on_disk) AS stored_bytes
FROM system.parts_columns
WHERE active AND database = currentDatabase() AND table = {table_name:String}
GROUP BY column_name
ORDER BY stored_bytes DESC, column_name
