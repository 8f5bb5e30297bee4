-- The same question to every shard, answered there from one state of its own rows, and the answers one below the other.
-- A span is on one shard only, so sums of the shards' figures are the figures of all.
-- Grain: that of the view, times the shards that have a row for it.
-- Reads: nothing
CREATE OR REPLACE VIEW {database:Identifier}.{view:Identifier} ON CLUSTER {cluster:Identifier} AS
SELECT COLUMNS('')
FROM cluster({cluster:Identifier}, view(
    SELECT COLUMNS('')
    FROM {shard_database:Identifier}.{view:Identifier}(
        kind = {kind:String},
        operation = {operation:String},
        since = {since:DateTime64(6, 'UTC')},
        until = {until:DateTime64(6, 'UTC')},
        finest = {finest:String}
    )
))
