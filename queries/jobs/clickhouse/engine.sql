-- What the engine is called to clients.
-- Grain: one row.
-- Reads: nothing
-- Read by: the ClickHouse interface of the local server
SELECT
    version() AS version,
    timezone() AS timezone
