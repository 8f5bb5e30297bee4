-- What a span says about an operation, typed, on its way to where it belongs: stores nothing itself.
-- Every column is filled by a function that cannot fail, whatever the span holds.
-- Grain: one row per span of ours received.
CREATE TABLE IF NOT EXISTS usage_input (
    -- identity: verbatim facts of the span
    start DateTime64(9, 'UTC'),
    trace_id FixedString(16),
    span_id FixedString(8),
    -- receipt
    received_at DateTime64(3, 'UTC'),
    reject_reason LowCardinality(String),
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
    user_hash UInt64,
    -- context
    instance LowCardinality(String),
    provider LowCardinality(String),
    task LowCardinality(String),
    error_site LowCardinality(String),
    -- figures; null where the span says nothing usable
    duration_us Nullable(UInt64),
    is_duration_invalid Bool,
    queue_us Nullable(UInt64),
    is_cold_start Bool,
    input_tokens UInt64,
    output_tokens UInt64,
    moved_bytes UInt64,
    size_bytes UInt64,
    quality_ppm Nullable(UInt32)
)
ENGINE = Null
