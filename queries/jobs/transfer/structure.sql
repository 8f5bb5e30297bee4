-- The columns of a table and their types, as the engine wants them to read a file by.
-- Grain: one row.
-- Reads: nothing
-- Read by: import
SELECT arrayStringConcat(groupArray(concat('`', name, '` ', type)), ', ') AS structure
FROM (
    SELECT name, type
    FROM system.columns
    WHERE database = {database_name:String}
        AND table = {table_name:String}
        AND default_kind NOT IN ('ALIAS', 'MATERIALIZED')
    ORDER BY position
)
