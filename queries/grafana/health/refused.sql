-- What came and could not be counted, by reason.
-- Grain: one row per reason.
-- Reads: usage_quarantine
SELECT
    reason,
    count() AS received,
    uniqExact(instance) AS processes,
    any(detail) AS example,
    max(received_at) AS last_received_at
FROM usage_quarantine
WHERE received_at >= toDateTime64($__fromTime_ms, 6, 'UTC')
    AND received_at < toDateTime64($__toTime_ms, 6, 'UTC')
GROUP BY reason
ORDER BY received DESC, reason
