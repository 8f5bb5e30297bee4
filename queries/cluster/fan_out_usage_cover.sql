-- What serves a window on every shard, answered there from one state of its own rows, and the answers one below the
-- other: each shard has rolls of its own.
-- Grain: one row per shard.
-- Reads: nothing
CREATE OR REPLACE VIEW {database:Identifier}.{view:Identifier} ON CLUSTER {cluster:Identifier} AS
SELECT COLUMNS('')
FROM cluster({cluster:Identifier}, view(
    SELECT COLUMNS('')
    FROM {shard_database:Identifier}.{view:Identifier}(
        since = {since:DateTime64(6, 'UTC')},
        until = {until:DateTime64(6, 'UTC')},
        finest = {finest:String}
    )
))
