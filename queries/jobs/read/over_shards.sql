-- Whether the database asked is the one over all shards of a cluster.
-- Grain: one row.
-- Reads: nothing
-- Read by: every client of a server
SELECT count() > 0 AS is_over_shards
FROM system.tables
WHERE database = currentDatabase() AND name = 'usage_events' AND engine = 'Distributed'
