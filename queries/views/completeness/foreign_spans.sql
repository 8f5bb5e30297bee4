-- What other instrumentations told of generative calls: how many spans came, by OpenTelemetry's conventions (gen_ai.*)
-- or by OpenInference's (llm.*), how many of them are requests to models, which are counted, and how many of those are
-- a part of another request and so no request of their own. Spans are kept for a few days. Of a window with more than
-- a million spans the oldest million is looked at.
-- Grain: one row per service and name of its instrumentation.
-- Reads: otel_traces, usage_events
-- Read by: stats foreign, doctor, every sentence about a window in which nothing began
SELECT
    service,
    instrumentation,
    max(from_layer) AS layer,
    sum(is_span) AS spans,
    sum(is_request) AS requests,
    sum(is_nested) AS nested,
    max(at) AS last_used_at
FROM (
    SELECT service, instrumentation, '' AS from_layer, at, 1 AS is_span, 0 AS is_request, 0 AS is_nested
    FROM (
        SELECT
            ServiceName AS service,
            ScopeName AS instrumentation,
            toTimeZone(Timestamp, 'UTC') AS at,
            SpanAttributes['modeltally.operation'] = ''
                AND (
                    SpanAttributes['gen_ai.operation.name'] != ''
                    OR SpanAttributes['gen_ai.request.model'] != ''
                    OR SpanAttributes['openinference.span.kind'] != ''
                    OR SpanAttributes['llm.request.type'] != ''
                ) AS is_foreign
        FROM otel_traces
        WHERE Timestamp >= {since:DateTime64(6, 'UTC')} AND Timestamp < {until:DateTime64(6, 'UTC')}
        ORDER BY Timestamp
        LIMIT 1000000
    )
    WHERE is_foreign
    UNION ALL
    SELECT
        any(service)::String AS service,
        argMin(scope, scope = 'modeltally.layers')::String AS instrumentation,
        any(source)::String AS from_layer,
        start AS at,
        0 AS is_span,
        1 AS is_request,
        min(is_counted) = 0 AS is_nested
    FROM usage_events
    WHERE start >= {since:DateTime64(6, 'UTC')}
        AND start < {until:DateTime64(6, 'UTC')}
        AND source IN ('client', 'gateway', 'engine', 'separate')
    GROUP BY start, trace_id, span_id
)
GROUP BY service, instrumentation
ORDER BY spans DESC, requests DESC, service, instrumentation
