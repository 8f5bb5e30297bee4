-- What each process says of itself every half minute: how much it started, finished and dropped.
-- Grain: one row per heartbeat once merged.
CREATE TABLE IF NOT EXISTS heartbeats (
    instance LowCardinality(String),
    service LowCardinality(String),
    at DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    started UInt64,
    finished UInt64,
    dropped UInt64,
    dropped_by_reason Map(LowCardinality(String), UInt64),
    problems_by_kind Map(LowCardinality(String), UInt64),
    in_flight UInt64,
    is_goodbye Bool,
    -- losses are rare: most heartbeats need not be read to add them up
    INDEX losses dropped TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toStartOfMonth(received_at)
ORDER BY (instance, at)
SETTINGS non_replicated_deduplication_window = 10000
