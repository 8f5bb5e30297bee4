-- A table that every node holds whole, under its name in the database of the shard, for the jobs that run there.
-- Grain: that of the table.
-- Reads: nothing
CREATE OR REPLACE VIEW {shard_database:Identifier}.{table:Identifier} ON CLUSTER {cluster:Identifier} AS
SELECT COLUMNS('')
FROM {database:Identifier}.{table:Identifier}
