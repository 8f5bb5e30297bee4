-- The tombstones of before, which held the hashes themselves.
-- Grain: none.
-- Reads: nothing
DROP TABLE IF EXISTS erased_users SYNC
