-- Who was erased, so that a row with such a hash loses it at insert and neither replay nor restore revives a user.
-- What stands here can be compared and not read back: it tells nothing to who does not know the hash already.
-- Grain: one row per erased hash once merged.
CREATE TABLE IF NOT EXISTS tombstones (
    -- SHA-256 of 'modeltally erased user ' and the hash in 16 hex digits
    digest FixedString(32),
    erased_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(erased_at)
ORDER BY digest
SETTINGS fsync_after_insert = 1
