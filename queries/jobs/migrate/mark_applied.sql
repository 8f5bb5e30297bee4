-- Notes that a schema file was applied.
-- Grain: one row.
-- Reads: nothing
INSERT INTO schema_migrations
SELECT {name:String} AS name, {checksum:String} AS checksum, {as_of:DateTime64(6, 'UTC')} AS applied_at
