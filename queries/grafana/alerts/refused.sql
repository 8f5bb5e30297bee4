-- Spans that came and could not be counted.
-- Grain: one row per reason.
-- Reads: usage_quarantine
SELECT reason, count() AS refused
FROM usage_quarantine
WHERE received_at >= toDateTime64($__fromTime_ms, 6, 'UTC')
    AND received_at < toDateTime64($__toTime_ms, 6, 'UTC')
GROUP BY reason
