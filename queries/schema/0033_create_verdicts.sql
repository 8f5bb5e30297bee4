-- What became of each advice, as the judge found it when a horizon of it had passed. Rows are only added: a later
-- version of the judge adds its own beside them.
-- Grain: one row per advice, horizon and version of the judge once merged.
CREATE TABLE IF NOT EXISTS verdicts (
    -- the advice, as in recommendations
    kind LowCardinality(String),
    policy LowCardinality(String),
    policy_version UInt32,
    as_of DateTime64(6, 'UTC'),
    subject String,
    action LowCardinality(String),
    -- advised; else only a chance was said, and that is judged
    is_advised Bool,
    -- what is told apart, such as never used, few and several uses
    class LowCardinality(String),
    confidence Nullable(Float64),
    -- the judgement
    horizon_seconds Float64,
    -- right, wrong, moot
    verdict LowCardinality(String),
    figure LowCardinality(String),
    measured Nullable(Float64),
    reason String,
    judged_at DateTime64(6, 'UTC'),
    judge_version UInt32
)
ENGINE = ReplacingMergeTree
ORDER BY (kind, policy, as_of, subject, action, horizon_seconds, judge_version)
SETTINGS fsync_after_insert = 1
