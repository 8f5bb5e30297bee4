-- Drops a partition that there is not, at the end of which the engine deletes what was replaced.
-- Grain: none.
-- Reads: nothing
ALTER TABLE {table:Identifier} DROP PARTITION ID 'none'
