-- What is the matter with what, or was, as the looks found it, and what of that its receiver has been told.
-- Grain: one row per rule, kind of subject and subject once merged.
CREATE TABLE IF NOT EXISTS alerts (
    rule LowCardinality(String),
    -- model, pattern, job; empty for what is about the store as a whole
    kind LowCardinality(String),
    subject String,
    -- pending: seen, not yet for long enough; firing; resolved; empty: it was pending, and went
    status LowCardinality(String),
    since_at DateTime64(6, 'UTC'),
    resolved_at Nullable(DateTime64(6, 'UTC')),
    -- looks in a row that found it while it is pending, and that did not while it fires
    looks UInt32,
    -- as the last look that found it measured it
    value Float64,
    threshold Float64,
    operations Nullable(UInt64),
    window_since DateTime64(6, 'UTC'),
    window_until DateTime64(6, 'UTC'),
    evidence String,
    -- firing, resolved; empty: nothing
    told LowCardinality(String),
    told_at Nullable(DateTime64(6, 'UTC')),
    -- attempts to tell it that failed since the last one that did not
    failures UInt32,
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (rule, kind, subject)
SETTINGS fsync_after_insert = 1
