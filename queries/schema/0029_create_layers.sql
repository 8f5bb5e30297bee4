-- Which layer a name of an instrumentation stands for, where a team says otherwise than the store: client, gateway or
-- engine, or 'ignored' for spans that are no requests to count. An empty layer takes back what was said; an empty
-- service means each.
-- Grain: one row per scope and service once merged.
CREATE TABLE IF NOT EXISTS layers (
    scope String,
    service String,
    layer LowCardinality(String),
    edited_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(edited_at)
ORDER BY (scope, service)
