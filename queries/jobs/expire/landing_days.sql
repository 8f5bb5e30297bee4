-- Days of the landing table that are past their retention.
-- Grain: one row per partition.
-- Reads: otel_traces
-- Read by: the expire job
SELECT DISTINCT toDate(ReceivedAt) AS day
FROM otel_traces
WHERE toDate(ReceivedAt) < toDate({as_of:DateTime64(6, 'UTC')}) - {retention_days:UInt32}
ORDER BY day
