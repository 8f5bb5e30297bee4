-- Notes the day of each request that an instrumentation of others told of.
-- Reads: usage_input
CREATE MATERIALIZED VIEW IF NOT EXISTS layer_days_from_input TO layer_days AS
SELECT DISTINCT toDate(start, 'UTC') AS day, source AS layer
FROM usage_input
WHERE reject_reason = '' AND source IN ('client', 'gateway', 'engine', 'separate')
