-- Room for who sent what was refused: a process whose clock is wrong has lost nothing, all of it is here.
-- Reads: usage_quarantine
ALTER TABLE usage_quarantine ADD COLUMN IF NOT EXISTS instance LowCardinality(String)
