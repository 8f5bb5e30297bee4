-- What an advice says besides: what to do, for how long its chance holds, how much of its window was seen, which
-- version of its rule gave it, and what would refute it. A moment may have several actions for one subject.
-- Grain: one row per kind, policy, moment, subject and action once merged.
-- Reads: recommendations
ALTER TABLE recommendations
    ADD COLUMN IF NOT EXISTS action LowCardinality(String),
    -- the confidence is the chance that the advice is not refuted within them
    ADD COLUMN IF NOT EXISTS horizon_seconds Nullable(Float64),
    -- the part of the window on which something was watching
    ADD COLUMN IF NOT EXISTS coverage Nullable(Float64),
    ADD COLUMN IF NOT EXISTS policy_version UInt32,
    -- in words, and as JSON for the judge: figure, more_than or less_than, after_seconds
    ADD COLUMN IF NOT EXISTS refuted_by String,
    ADD COLUMN IF NOT EXISTS refutation String,
    -- of several runs for one moment the last one counts
    ADD COLUMN IF NOT EXISTS made_at DateTime64(6, 'UTC'),
    MODIFY ORDER BY (kind, policy, as_of, subject, action)
