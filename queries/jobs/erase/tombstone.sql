-- From here on rows with these hashes are stored without a user.
-- Grain: one row per hash that is being erased.
-- Reads: erasing
INSERT INTO tombstones
SELECT
    SHA256(concat('modeltally erased user ', leftPad(lower(hex(user_hash)), 16, '0'))) AS digest,
    {as_of:DateTime64(6, 'UTC')} AS erased_at
FROM erasing
