-- What hosts say of their disks: at each look into a store its models, their revisions, what no model needs, and the
-- disk itself; and what was removed, brought back or purged.
-- Grain: one row per item of a look once merged.
CREATE TABLE IF NOT EXISTS inventory_items (
    host LowCardinality(String),
    store LowCardinality(String),
    location LowCardinality(String),
    at DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    item LowCardinality(String),
    model LowCardinality(String),
    revision String,
    leftover LowCardinality(String),
    volume LowCardinality(String),
    cleanup LowCardinality(String),
    span_id FixedString(8) CODEC(NONE),
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    state LowCardinality(String),
    -- how many items were told of a store, in the row of the store itself
    items UInt32,
    files UInt32,
    size_bytes UInt64,
    freed_bytes UInt64,
    volume_bytes UInt64,
    free_bytes UInt64
)
ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toStartOfMonth(at)
ORDER BY (host, store, location, at, item, model, span_id)
SETTINGS non_replicated_deduplication_window = 10000
