-- Whether every file of a table is there and has the checksum it was written with.
-- Grain: one row.
-- Reads: nothing
-- Read by: the job check, where the engine runs in this process
CHECK TABLE {table:Identifier}
SETTINGS check_query_single_value_result = 1
