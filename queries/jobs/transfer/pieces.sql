-- What a scratch database holds, as the engine's list of parts says: an export writes one file for each row.
-- Grain: one row per table and partition.
-- Reads: nothing
-- Read by: export, import
SELECT
    parts.table AS table_name,
    partition_id,
    sum(`rows`) AS stored_rows
FROM system.parts
WHERE database = {scratch:String} AND active
GROUP BY table_name, partition_id
ORDER BY table_name, partition_id
