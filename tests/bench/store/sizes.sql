-- What each table takes on disk, by the codec that the engine chose for its parts.
-- Grain: one row per table and codec.
SELECT
    table AS table_name,
    default_compression_codec AS codec,
    sum(rows) AS stored_rows,
    sum(bytes_on_disk) AS stored_bytes,
    count() AS parts
FROM system.parts
WHERE active AND database = currentDatabase() AND rows > 0
GROUP BY table_name, codec
ORDER BY table_name, codec
