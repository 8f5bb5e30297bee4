-- Generative calls that other instrumentations told of by OpenTelemetry's conventions (gen_ai.*): kept in otel_traces,
-- and counted in no statistic. Of a window with more than a million spans the oldest million is looked at.
-- Grain: one row per service and name of its instrumentation.
-- Reads: otel_traces
-- Read by: stats foreign, doctor, every sentence about a window in which nothing began
SELECT
    service,
    instrumentation,
    count() AS spans,
    max(at) AS last_used_at
FROM (
    SELECT
        ServiceName AS service,
        ScopeName AS instrumentation,
        toTimeZone(Timestamp, 'UTC') AS at,
        SpanAttributes['modeltally.operation'] = ''
            AND (SpanAttributes['gen_ai.operation.name'] != '' OR SpanAttributes['gen_ai.request.model'] != '')
            AS is_foreign
    FROM otel_traces
    WHERE Timestamp >= {since:DateTime64(6, 'UTC')} AND Timestamp < {until:DateTime64(6, 'UTC')}
    ORDER BY Timestamp
    LIMIT 1000000
)
WHERE is_foreign
GROUP BY service, instrumentation
ORDER BY spans DESC, service, instrumentation
