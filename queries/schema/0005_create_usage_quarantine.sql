-- What was received and cannot be counted, with the reason.
-- Grain: one row per span refused.
CREATE TABLE IF NOT EXISTS usage_quarantine (
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    reason LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    name String CODEC(ZSTD(1)),
    detail String CODEC(ZSTD(1)),
    instance LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toStartOfMonth(received_at)
ORDER BY (received_at, reason)
SETTINGS non_replicated_deduplication_window = 10000
