-- The parts that the tables consist of, each with the blocks that it holds: a part that is merged is held by another.
-- Grain: one row per part.
-- Reads: nothing
-- Read by: the record of parts, where the engine runs in this process
SELECT
    table,
    name AS part,
    partition_id,
    min_block_number AS first_block,
    max_block_number AS last_block,
    rows AS stored_rows,
    path
FROM system.parts
WHERE database = currentDatabase() AND active
ORDER BY table, part
