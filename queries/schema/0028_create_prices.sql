-- What the team pays for the work of its models, by what it pays for, in the order in which it was told. A price is
-- valid on whole days in UTC, from valid_from and before valid_until. Where two are valid on a day, the one set last
-- counts; one that is set again for the same first day takes the place of the one before.
-- Grain: one row per model, unit and first day once merged.
CREATE TABLE IF NOT EXISTS prices (
    -- as its aliases lead to it; empty for every model that has no price of its own
    model String,
    -- input_tokens, cached_tokens, output_tokens: a million of them; request; gpu_hour
    unit LowCardinality(String),
    valid_from Date,
    -- 2149-06-06 where no end is set
    valid_until Date,
    amount_millionths UInt64,
    currency LowCardinality(String),
    is_removed Bool,
    set_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(set_at)
ORDER BY (model, unit, valid_from)
SETTINGS fsync_after_insert = 1
