-- What other instrumentations told of generative calls, and how many of these are counted. Spans are kept for a few
-- days.
-- Grain: one row per service and instrumentation.
-- Reads: foreign_spans
SELECT service, instrumentation, layer, spans, requests, nested, last_used_at
FROM foreign_spans(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC')
)
WHERE $__conditionalAll(service IN (${service:singlequote}), $service)
ORDER BY spans DESC, service, instrumentation
