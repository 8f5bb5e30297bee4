-- Room in what came late for the attributes a host made up: neither ours nor the standard's.
-- Reads: usage_late
ALTER TABLE usage_late ADD COLUMN IF NOT EXISTS custom Map(LowCardinality(String), String) CODEC(ZSTD(1))
