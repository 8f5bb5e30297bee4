-- Operations that processes say they lost, over time.
-- Grain: one row per hour (UTC) with a heartbeat.
-- Reads: heartbeats
SELECT hour AS time, sum(greatest(so_far - before, 0)) AS lost
FROM (
    SELECT
        instance,
        toStartOfHour(at)::DateTime('UTC') AS hour,
        toInt64(max(dropped)) AS so_far,
        lagInFrame(so_far) OVER (
            PARTITION BY instance ORDER BY hour ASC ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS before
    FROM heartbeats
    WHERE at >= toDateTime64($__fromTime_ms, 6, 'UTC')
        AND at < toDateTime64($__toTime_ms, 6, 'UTC')
        AND $__conditionalAll(service IN (${service:singlequote}), $service)
    GROUP BY instance, hour
)
GROUP BY time
ORDER BY time
