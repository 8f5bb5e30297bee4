-- The formats an answer can come in, with the media type of each.
-- Grain: one row per format.
-- Reads: nothing
-- Read by: the ClickHouse interface of the local server
SELECT
    name,
    content_type
FROM system.formats
WHERE is_output
ORDER BY name
