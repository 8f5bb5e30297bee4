-- Room in the facts for the attributes a host made up: neither ours nor the standard's.
-- Reads: usage_events
ALTER TABLE usage_events ADD COLUMN IF NOT EXISTS custom Map(LowCardinality(String), String) CODEC(ZSTD(1))
