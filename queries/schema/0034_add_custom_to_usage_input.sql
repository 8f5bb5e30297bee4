-- Room in what is on its way for the attributes a host made up: neither ours nor the standard's.
-- Reads: usage_input
ALTER TABLE usage_input ADD COLUMN IF NOT EXISTS custom Map(LowCardinality(String), String) CODEC(ZSTD(1))
