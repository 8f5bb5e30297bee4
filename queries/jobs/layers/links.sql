-- Which span is inside which, in traces: also of the spans between two requests, which are no operations.
-- Grain: one row per span that has a parent.
-- Reads: otel_traces
-- Read by: the roll job
SELECT DISTINCT TraceId AS trace, SpanId AS span, ParentSpanId AS parent
FROM otel_traces
WHERE TraceId IN {traces:Array(String)} AND ParentSpanId != ''
