-- Dense numbers for user hashes: rolled bitmaps hold numbers, which are small and carry no hash.
-- Grain: one row per user hash.
CREATE TABLE IF NOT EXISTS users (
    user_hash UInt64,
    number UInt32
)
ENGINE = MergeTree
ORDER BY number
