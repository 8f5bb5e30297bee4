-- Tombstones of an export that was made when they held the hashes themselves.
-- Grain: one row per erased hash.
-- Reads: nothing
INSERT INTO {scratch:Identifier}.tombstones
SELECT
    SHA256(concat('modeltally erased user ', leftPad(lower(hex(user_hash)), 16, '0'))) AS digest,
    erased_at
FROM {scratch:Identifier}.erased_users
