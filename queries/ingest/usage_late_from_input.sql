-- What comes for a frozen month is kept apart.
-- Reads: usage_input, frozen_months
CREATE MATERIALIZED VIEW IF NOT EXISTS usage_late_from_input TO usage_late AS
SELECT *
FROM usage_input
WHERE reject_reason = '' AND toStartOfMonth(start) IN (SELECT month FROM frozen_months)
