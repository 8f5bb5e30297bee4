-- Late judgements, typed; one without a usable score or subject is not kept.
-- Reads: otel_traces
CREATE MATERIALIZED VIEW IF NOT EXISTS evaluations_from_spans TO evaluations AS
WITH
    SpanAttributes AS a,
    toFloat64OrNull(a['modeltally.quality.score']) AS score
SELECT
    toFixedString(substring(unhex(a['modeltally.evaluation.trace_id']), 1, 16), 16) AS trace_id,
    toFixedString(substring(unhex(a['modeltally.evaluation.span_id']), 1, 8), 8) AS span_id,
    fromUnixTimestamp64Nano(toInt64OrZero(a['modeltally.evaluation.start']), 'UTC') AS start,
    a['modeltally.evaluation.name'] AS name,
    a['modeltally.quality.source'] AS source,
    toTimeZone(Timestamp, 'UTC') AS evaluated_at,
    toUInt32(round(least(greatest(assumeNotNull(score), 0), 1) * 1e6)) AS score_ppm
FROM otel_traces
WHERE a['modeltally.operation'] = 'evaluation'
    AND isFinite(score)
    AND match(a['modeltally.evaluation.trace_id'], '^[0-9a-f]{32}$')
    AND match(a['modeltally.evaluation.span_id'], '^[0-9a-f]{16}$')
