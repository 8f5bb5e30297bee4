-- How many processes said that they live, over time.
-- Grain: one row per interval of the panel.
-- Reads: heartbeats
SELECT $__timeInterval(at) AS time, uniqExact(instance) AS processes
FROM heartbeats
WHERE at >= toDateTime64($__fromTime_ms, 6, 'UTC')
    AND at < toDateTime64($__toTime_ms, 6, 'UTC')
    AND $__conditionalAll(service IN (${service:singlequote}), $service)
GROUP BY time
ORDER BY time
