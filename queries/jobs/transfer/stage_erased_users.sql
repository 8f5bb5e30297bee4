-- Where the tombstones of an export go that was made when they held the hashes themselves.
-- Grain: one row per erased hash once merged.
CREATE TABLE {scratch:Identifier}.erased_users (
    user_hash UInt64,
    erased_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY user_hash
