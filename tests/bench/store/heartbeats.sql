-- What the processes of the events would have said of themselves, once an hour: all they started is stored. Every
-- tenth process keeps silent, every third says no goodbye.
-- Grain: one row per process and hour in which it started something.
-- Reads: usage_events
INSERT INTO heartbeats (instance, service, at, received_at, started, finished, dropped, in_flight, is_goodbye)
WITH
    operations AS (
        SELECT
            e.start AS start,
            any(e.instance) AS instance,
            any(e.service) AS service,
            min(e.is_unfinished) AS has_no_end
        FROM usage_events AS e
        WHERE cityHash64(e.instance) % 10 != 0
        GROUP BY e.start, e.trace_id, e.span_id
        -- as they are stored, one after another: in little memory
        SETTINGS optimize_aggregation_in_order = 1
    ),

    hours AS (
        SELECT
            o.instance AS instance,
            toStartOfHour(o.start) AS hour,
            any(o.service) AS service,
            count() AS starts,
            countIf(NOT o.has_no_end) AS ends
        FROM operations AS o
        GROUP BY instance, hour
    )

SELECT
    instance,
    service,
    hour + toIntervalHour(1) AS at,
    hour + toIntervalHour(1) AS received_at,
    sum(starts) OVER life AS started,
    sum(ends) OVER life AS finished,
    0 AS dropped,
    started - finished AS in_flight,
    cityHash64(instance) % 3 != 0 AND hour = max(hour) OVER (PARTITION BY instance) AS is_goodbye
FROM hours
WINDOW life AS (PARTITION BY instance ORDER BY hour ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
