-- Spans of ours that are no events.
-- Reads: otel_traces
CREATE MATERIALIZED VIEW IF NOT EXISTS other_spans_from_spans TO other_spans AS
SELECT
    ResourceAttributes['service.instance.id'] AS instance,
    toTimeZone(Timestamp, 'UTC') AS start,
    toFixedString(substring(unhex(TraceId), 1, 16), 16) AS trace_id,
    toFixedString(substring(unhex(SpanId), 1, 8), 8) AS span_id,
    ReceivedAt AS received_at,
    SpanAttributes['modeltally.operation'] AS operation
FROM otel_traces
WHERE operation IN ('evaluation', 'inventory', 'model.state')
