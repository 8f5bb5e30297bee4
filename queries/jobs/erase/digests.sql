-- The tombstones of all who were erased, for what is no table.
-- Grain: one row per erased user.
-- Reads: tombstones
-- Read by: the erase_user and expire jobs
SELECT DISTINCT lower(hex(digest)) AS digest
FROM tombstones
