-- One partition of a copy into a file in the engine's own format, which knows every type exactly. The file's ending
-- says how it is packed. COLUMNS('') names every column that is stored.
-- Grain: that of the table.
-- Reads: nothing
INSERT INTO FUNCTION file({path:String}, 'Native')
SELECT COLUMNS('')
FROM {scratch:Identifier}.{table:Identifier}
WHERE _partition_id = {partition_id:String}
SETTINGS engine_file_truncate_on_insert = 1
