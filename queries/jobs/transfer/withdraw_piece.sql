-- Takes back a partition that was just published.
-- Grain: a partition.
-- Reads: nothing
ALTER TABLE {table:Identifier} DROP PARTITION ID {partition_id:String}
