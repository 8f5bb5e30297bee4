-- A file into a staged table. The structure is that of the table, so columns go by name, and one that the file does
-- not have, because an earlier version wrote it, gets its type's default.
-- Grain: that of the table.
-- Reads: a file
INSERT INTO {scratch:Identifier}.{table:Identifier}
SELECT COLUMNS('')
FROM file({path:String}, 'Native', {structure:String})
SETTINGS max_partitions_per_insert_block = 0
