-- Notes that a file was applied, and in which form; later than what was noted of it before, whatever the clock says,
-- since the latest note is the one that stays.
-- Grain: one row.
-- Reads: schema_migrations
INSERT INTO schema_migrations
SELECT
    {name:String} AS name,
    {checksum:String} AS checksum,
    greatest({as_of:DateTime64(6, 'UTC')}, max(noted.applied_at) + INTERVAL 1 MICROSECOND) AS applied_at
FROM schema_migrations AS noted
WHERE noted.name = {name:String}
