-- What counts goes to the events, unless its month is frozen.
-- Reads: usage_input, frozen_months
CREATE MATERIALIZED VIEW IF NOT EXISTS usage_events_from_input TO usage_events AS
SELECT * EXCEPT (reject_reason)
FROM usage_input
WHERE reject_reason = '' AND toStartOfMonth(start) NOT IN (SELECT month FROM frozen_months)
