-- Tombstones: a hash listed here is removed from every row at insert, so neither replay nor restore revives a user.
-- Grain: one row per erased hash once merged.
CREATE TABLE IF NOT EXISTS erased_users (
    user_hash UInt64,
    erased_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(erased_at)
ORDER BY user_hash
