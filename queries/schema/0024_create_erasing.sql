-- Who is being erased: each hash that is taken out of the tables now, and the random number that takes its place. The
-- statements that do it read both from here, so that none of them, nor what the engine notes of it, holds either.
-- An erasure that was stopped goes on from here. Once one is done this is empty, and its files are gone.
-- Grain: one row per hash.
CREATE TABLE IF NOT EXISTS erasing (
    user_hash UInt64,
    substitute UInt64
)
ENGINE = MergeTree
ORDER BY tuple()
SETTINGS
    fsync_after_insert = 1,
    -- what is taken out of it must not stay on the disk
    old_parts_lifetime = 0
