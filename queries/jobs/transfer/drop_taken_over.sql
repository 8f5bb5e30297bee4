-- A table that an export of an earlier version had, once what is kept of it is taken over.
-- Grain: none.
-- Reads: nothing
DROP TABLE {scratch:Identifier}.{table:Identifier} SYNC
