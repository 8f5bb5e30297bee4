-- What arrived for a month that was already frozen: shown, never in totals, because its identity can no longer be
-- checked against the events that were dropped.
-- Grain: one row per identity once merged.
CREATE TABLE IF NOT EXISTS usage_late AS usage_input
ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toStartOfMonth(start)
ORDER BY (start, trace_id, span_id)
SETTINGS non_replicated_deduplication_window = 10000
