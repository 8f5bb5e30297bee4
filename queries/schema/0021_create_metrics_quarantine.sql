-- Metrics that were accepted and that the store refused, with the reason; their batches are kept beside the spool.
-- Grain: one row per batch and kind refused.
CREATE TABLE IF NOT EXISTS metrics_quarantine (
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    reason LowCardinality(String),
    kind LowCardinality(String),
    points UInt64,
    names String CODEC(ZSTD(1)),
    detail String CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toStartOfMonth(received_at)
ORDER BY (received_at, reason)
