-- Every advice given and every advice refused, with its evidence, so that it can be judged later.
-- Grain: one row per kind, policy, moment and subject once merged.
CREATE TABLE IF NOT EXISTS recommendations (
    kind LowCardinality(String),
    policy LowCardinality(String),
    as_of DateTime64(6, 'UTC'),
    subject String,
    verdict LowCardinality(String),
    reason String,
    confidence Nullable(Float64),
    priority LowCardinality(String),
    evidence String,
    window_since DateTime64(6, 'UTC'),
    window_until DateTime64(6, 'UTC'),
    expires_at DateTime64(6, 'UTC'),
    is_unsafe Bool
)
ENGINE = ReplacingMergeTree
ORDER BY (kind, policy, as_of, subject)
