-- Files are put together again.
-- Grain: none.
-- Reads: nothing
SYSTEM START MERGES {table:Identifier}
