-- Every request of the traces in which an instrumentation of others told of one in these hours, and of those in which
-- one has the same answer's id, as it was said, with what was noted of it before: whether it is marked as a part of
-- another one, by a copy that is finished where it is; whether that was found here; whether others told it something.
-- An hour around the hours is looked at: what holds a request rarely began earlier. One that is alone in its trace and
-- with its answer is left out: nothing is part of it, nor it of anything.
-- Grain: one row per request that has company.
-- Reads: usage_events
-- Read by: the roll job
SELECT
    lower(hex(e.trace_id)) AS trace,
    lower(hex(e.span_id)) AS span,
    toUnixTimestamp64Nano(e.start) AS start_ns,
    argMinIf(
        (
            e.service::String, e.source::String, e.scope::String, e.request_type::String, e.outcome::String,
            if(e.source IN ('client', 'gateway', 'engine', 'separate'), e.correlation_id, ''),
            e.model::String, coalesce(e.duration_us, 0), e.is_unfinished
        ),
        (e.is_unfinished, e.received_at),
        e.is_counted AND e.scope != 'modeltally.layers'
    ) AS told,
    if(tupleElement(told, 9), countIf(NOT e.is_counted), countIf(NOT e.is_counted AND NOT e.is_unfinished)) > 0
        AS is_marked,
    countIf(NOT e.is_counted AND e.scope = 'modeltally.layers') > 0 AS was_joined,
    countIf(e.is_counted AND e.scope = 'modeltally.layers') > 0 AS was_told
FROM usage_events AS e
WHERE e.operation = 'model.request'
    AND e.start >= {since:DateTime64(6, 'UTC')} - INTERVAL 1 HOUR
    AND e.start < {until:DateTime64(6, 'UTC')} + INTERVAL 1 HOUR
    AND e.trace_id IN (
        SELECT s.trace_id
        FROM usage_events AS s
        WHERE s.start >= {since:DateTime64(6, 'UTC')} - INTERVAL 1 HOUR
            AND s.start < {until:DateTime64(6, 'UTC')} + INTERVAL 1 HOUR
            AND s.source IN ('client', 'gateway', 'engine')
            AND s.correlation_id IN (
                SELECT n.correlation_id
                FROM usage_events AS n
                WHERE toStartOfHour(n.start) IN {hours:Array(DateTime('UTC'))}
                    AND n.start >= {since:DateTime64(6, 'UTC')}
                    AND n.start < {until:DateTime64(6, 'UTC')}
                    AND n.source IN ('client', 'gateway', 'engine')
                    AND n.correlation_id != ''
            )
        UNION ALL
        SELECT t.trace_id
        FROM usage_events AS t
        WHERE toStartOfHour(t.start) IN {hours:Array(DateTime('UTC'))}
            AND t.start >= {since:DateTime64(6, 'UTC')}
            AND t.start < {until:DateTime64(6, 'UTC')}
            AND t.source IN ('client', 'gateway', 'engine', 'separate')
    )
GROUP BY e.trace_id, e.span_id, e.start
HAVING countIf(e.is_counted AND e.scope != 'modeltally.layers') > 0
QUALIFY count() OVER (PARTITION BY trace) > 1
    OR (tupleElement(told, 6) != '' AND count() OVER (PARTITION BY tupleElement(told, 6)) > 1)
ORDER BY trace, start_ns, span
