-- All shards' parts of a table as one, and the way rows come to their shard.
-- It holds nothing itself, so it is made anew with every migration and has the columns of its parts.
-- Grain: that of the table.
-- Reads: nothing
CREATE OR REPLACE TABLE {database:Identifier}.{table:Identifier} ON CLUSTER {cluster:Identifier}
AS {shard_database:Identifier}.{table:Identifier}
ENGINE = Distributed(
    {cluster:Identifier}, {shard_database:Identifier}, {table:Identifier}, cityHash64({shard_by:Identifier})
)
