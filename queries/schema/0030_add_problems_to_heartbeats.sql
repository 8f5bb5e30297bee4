-- Room for what a process swallowed or left out, by kind; no operation is lost by it.
-- Reads: heartbeats
ALTER TABLE heartbeats
ADD COLUMN IF NOT EXISTS problems_by_kind Map(LowCardinality(String), UInt64) AFTER dropped_by_reason
