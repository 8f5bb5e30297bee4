-- Puts a staged partition in the place of the empty one of the table: at once, without setting off what an insert
-- sets off, and as often as wanted.
-- Grain: a partition.
-- Reads: nothing
ALTER TABLE {table:Identifier} REPLACE PARTITION ID {partition_id:String} FROM {scratch:Identifier}.{table:Identifier}
