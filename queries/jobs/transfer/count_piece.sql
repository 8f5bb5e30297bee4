-- How many rows a file holds, read to its end.
-- Grain: one row.
-- Reads: a file
-- Read by: export
SELECT count() AS stored_rows
FROM (SELECT COLUMNS('') FROM file({path:String}, 'Native'))
SETTINGS optimize_count_from_files = 0
