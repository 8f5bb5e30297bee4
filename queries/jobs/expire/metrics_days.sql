-- Days of a landing table of metrics that are past their retention, counted from receipt.
-- Grain: one row per partition.
-- Reads: nothing
-- Read by: the expire job, for the table of each kind
SELECT DISTINCT toDate(ReceivedAt) AS day
FROM {table:Identifier}
WHERE toDate(ReceivedAt) < toDate({as_of:DateTime64(6, 'UTC')}) - {retention_days:UInt32}
ORDER BY day
