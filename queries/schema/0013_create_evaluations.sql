-- Quality judged after the fact: the newest judgement of a run, name and source counts.
-- Grain: one row per judged operation, evaluation name and source once merged.
CREATE TABLE IF NOT EXISTS evaluations (
    trace_id FixedString(16),
    span_id FixedString(8),
    start DateTime64(9, 'UTC'),
    name LowCardinality(String),
    source LowCardinality(String),
    evaluated_at DateTime64(9, 'UTC'),
    score_ppm UInt32
)
ENGINE = ReplacingMergeTree(evaluated_at)
ORDER BY (start, trace_id, span_id, name, source)
SETTINGS non_replicated_deduplication_window = 10000
