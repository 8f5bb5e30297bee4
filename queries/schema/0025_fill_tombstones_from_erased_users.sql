-- The tombstones of before, which held the hashes themselves.
-- Grain: one row per erased hash.
-- Reads: erased_users
INSERT INTO tombstones
SELECT
    SHA256(concat('modeltally erased user ', leftPad(lower(hex(user_hash)), 16, '0'))) AS digest,
    erased_at
FROM erased_users
