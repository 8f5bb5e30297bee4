-- Days of a landing table of metrics that are past their retention, counted from receipt.
-- Grain: one row per partition.
-- Reads: otel_metrics_sum
-- Read by: the expire job
SELECT DISTINCT toDate(ReceivedAt) AS day
FROM otel_metrics_sum
WHERE toDate(ReceivedAt) < toDate({as_of:DateTime64(6, 'UTC')}) - {retention_days:UInt32}
ORDER BY day
