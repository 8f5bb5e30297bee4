-- A query as the engine reads it; one that is no statement, or several, fails.
-- Grain: one row.
-- Reads: nothing
-- Read by: the ClickHouse interface of the local server
SELECT formatQuerySingleLine({query:String}) AS query
