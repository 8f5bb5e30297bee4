-- The facts: immutable, typed, copies included. Reads collapse the copies of one identity (start, trace, span).
-- The projection counts the rows of each hour; it is written with the part, so a count is never ahead of its rows.
-- Grain: one row per copy of an operation received.
CREATE TABLE IF NOT EXISTS usage_events (
    -- identity
    start DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    trace_id FixedString(16) CODEC(NONE),
    span_id FixedString(8) CODEC(NONE),
    -- receipt
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    -- what happened
    operation LowCardinality(String),
    outcome LowCardinality(String),
    is_counted Bool,
    is_unfinished Bool,
    source LowCardinality(String),
    -- subjects
    model LowCardinality(String),
    pattern LowCardinality(String),
    error_type LowCardinality(String),
    service LowCardinality(String),
    user_hash UInt64 CODEC(ZSTD(1)),
    -- context
    instance LowCardinality(String),
    provider LowCardinality(String),
    task LowCardinality(String),
    error_site LowCardinality(String),
    -- figures
    duration_us Nullable(UInt64) CODEC(T64, ZSTD(1)),
    is_duration_invalid Bool,
    queue_us Nullable(UInt64) CODEC(T64, ZSTD(1)),
    is_cold_start Bool,
    input_tokens UInt64 CODEC(T64, ZSTD(1)),
    output_tokens UInt64 CODEC(T64, ZSTD(1)),
    moved_bytes UInt64 CODEC(T64, ZSTD(1)),
    size_bytes UInt64 CODEC(T64, ZSTD(1)),
    quality_ppm Nullable(UInt32) CODEC(T64, ZSTD(1)),
    PROJECTION rows_by_hour (SELECT toStartOfHour(start) AS hour, count() GROUP BY hour)
)
ENGINE = MergeTree
PARTITION BY toStartOfMonth(start)
ORDER BY (start, trace_id, span_id)
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1
