-- One of the two databases of a cluster: the one that everybody uses, or the one with each shard's own part.
-- Grain: a database.
-- Reads: nothing
CREATE DATABASE IF NOT EXISTS {database:Identifier} ON CLUSTER {cluster:Identifier}
