-- Which tables hold rows.
-- Grain: one row per table that is not empty.
-- Reads: nothing
-- Read by: import
SELECT
    parts.table AS table_name,
    sum(`rows`) AS stored_rows
FROM system.parts
WHERE database = currentDatabase() AND active
GROUP BY table_name
HAVING stored_rows > 0
ORDER BY table_name
