-- Heartbeats, typed. One with a figure that no process can have is quarantined instead.
-- Reads: otel_traces
CREATE MATERIALIZED VIEW IF NOT EXISTS heartbeats_from_spans TO heartbeats AS
WITH
    SpanAttributes AS a,
    mapFilter((name, value) -> startsWith(name, 'modeltally.heartbeat.dropped.'), a) AS by_reason,
    mapFilter((name, value) -> startsWith(name, 'modeltally.heartbeat.problems.'), a) AS by_kind
SELECT
    ResourceAttributes['service.instance.id'] AS instance,
    ServiceName AS service,
    toTimeZone(Timestamp, 'UTC') AS at,
    ReceivedAt AS received_at,
    toUInt64OrZero(a['modeltally.heartbeat.started']) AS started,
    toUInt64OrZero(a['modeltally.heartbeat.finished']) AS finished,
    toUInt64OrZero(a['modeltally.heartbeat.dropped']) AS dropped,
    mapFromArrays(
        arrayMap(name -> substring(name, length('modeltally.heartbeat.dropped.') + 1), mapKeys(by_reason)),
        arrayMap(value -> toUInt64OrZero(value), mapValues(by_reason))
    ) AS dropped_by_reason,
    mapFromArrays(
        arrayMap(name -> substring(name, length('modeltally.heartbeat.problems.') + 1), mapKeys(by_kind)),
        arrayMap(value -> toUInt64OrZero(value), mapValues(by_kind))
    ) AS problems_by_kind,
    toUInt64OrZero(a['modeltally.heartbeat.in_flight']) AS in_flight,
    a['modeltally.heartbeat.goodbye'] = 'true' AS is_goodbye
FROM otel_traces
WHERE a['modeltally.operation'] = 'heartbeat'
    AND NOT arrayExists(
        (name, value) -> startsWith(name, 'modeltally.heartbeat.')
            AND name != 'modeltally.heartbeat.goodbye'
            AND NOT ifNull(toFloat64OrNull(value) BETWEEN 0 AND 1e12, false),
        mapKeys(a),
        mapValues(a)
    )
