-- A statement as the engine understands it; an error where it does not.
-- Grain: one row.
-- Reads: nothing
-- Read by: migrate --cluster
SELECT formatQuery({statement:String}) AS formatted
