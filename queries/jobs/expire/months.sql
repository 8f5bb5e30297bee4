-- Months all of whose events were received longer ago than their retention, and months frozen and not yet dropped.
-- Retention counts from receipt, so imported history lives as long as any other.
-- Grain: one row per month.
-- Reads: usage_events, frozen_months
-- Read by: the expire job
SELECT
    toStartOfMonth(start) AS month,
    month IN (SELECT month FROM frozen_months) AS is_frozen
FROM usage_events
GROUP BY month
HAVING is_frozen
    OR (
        max(received_at) < {as_of:DateTime64(6, 'UTC')} - toIntervalDay({retention_days:UInt32})
        AND month + INTERVAL 1 MONTH <= toDate({as_of:DateTime64(6, 'UTC')})
    )
ORDER BY month
