-- Spans of ours that are no events, such as evaluations: that they came is all that is kept of them here, so that
-- what a process started can be compared with what is stored.
-- Grain: one row per span once merged.
CREATE TABLE IF NOT EXISTS other_spans (
    instance LowCardinality(String),
    start DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    trace_id FixedString(16) CODEC(NONE),
    span_id FixedString(8) CODEC(NONE),
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    operation LowCardinality(String)
)
ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toStartOfMonth(received_at)
ORDER BY (instance, start, trace_id, span_id)
SETTINGS non_replicated_deduplication_window = 10000
