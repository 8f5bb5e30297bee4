-- Months whose events no longer change: rolled, and dropped or about to be.
-- Grain: one row per month once merged.
CREATE TABLE IF NOT EXISTS frozen_months (
    month Date,
    frozen_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(frozen_at)
ORDER BY month
