-- Takes the copies away; the tables they were made from do not change.
-- Grain: a database.
-- Reads: nothing
DROP DATABASE IF EXISTS {scratch:Identifier} SYNC
