-- From a span to the typed facts of an operation, and the attributes that the host made up: what has none of the
-- prefixes of ours and of the standard's. Nothing here can fail: what cannot be read becomes null, zero or a reason to
-- refuse.
-- Reads: otel_traces, erased_users
ALTER TABLE usage_input_from_spans MODIFY QUERY
WITH
    SpanAttributes AS a,
    a['user.hash'] AS user_hex,
    if(match(user_hex, '^[0-9a-f]{16}$'), reinterpretAsUInt64(reverse(unhex(user_hex))), 0) AS hash,
    toInt64(Duration) < 0 AS is_wrapped,
    a['modeltally.unfinished'] = 'true' AS unfinished,
    -- scores beyond 0..1 are clamped, what is no number is absent
    toFloat64OrNull(a['modeltally.quality.score']) AS quality
SELECT
    toTimeZone(Timestamp, 'UTC') AS start,
    toFixedString(substring(unhex(TraceId), 1, 16), 16) AS trace_id,
    toFixedString(substring(unhex(SpanId), 1, 8), 8) AS span_id,
    ReceivedAt AS received_at,
    multiIf(
        NOT match(TraceId, '^[0-9a-f]{32}$') OR NOT match(SpanId, '^[0-9a-f]{16}$'), 'bad_id',
        Timestamp < toDateTime64('2000-01-01', 9, 'UTC') OR Timestamp >= toDateTime64('2100-01-01', 9, 'UTC'),
        'time_out_of_range',
        Timestamp > ReceivedAt + INTERVAL 1 DAY, 'time_in_future',
        ''
    ) AS reject_reason,
    a['modeltally.operation'] AS operation,
    if(unfinished, '', a['modeltally.outcome']) AS outcome,
    a['modeltally.nested'] != 'true' AS is_counted,
    unfinished AS is_unfinished,
    a['modeltally.source'] AS source,
    multiIf(
        a['modeltally.model.id'] != '', a['modeltally.model.id'],
        a['gen_ai.request.model'] != '', a['gen_ai.request.model'],
        startsWith(operation, 'model.'), 'unknown',
        ''
    ) AS model,
    if(a['modeltally.pattern.id'] != '', a['modeltally.pattern.id'], a['modeltally.pattern.name']) AS pattern,
    if(a['error.type'] = '' AND outcome IN ('failure', 'error'), 'unknown', a['error.type']) AS error_type,
    if(ServiceName != '', ServiceName, 'unknown_service') AS service,
    if(hash IN (SELECT user_hash FROM erased_users), 0, hash) AS user_hash,
    ResourceAttributes['service.instance.id'] AS instance,
    a['gen_ai.provider.name'] AS provider,
    a['modeltally.task'] AS task,
    a['modeltally.error.site'] AS error_site,
    if(unfinished OR is_wrapped, NULL, intDiv(Duration, 1000)) AS duration_us,
    is_wrapped AS is_duration_invalid,
    accurateCastOrNull(round(toFloat64OrNull(a['modeltally.queue.duration']) * 1e6), 'UInt64') AS queue_us,
    a['modeltally.model.cold_start'] = 'true' AS is_cold_start,
    toUInt64OrZero(a['gen_ai.usage.input_tokens']) AS input_tokens,
    toUInt64OrZero(a['gen_ai.usage.output_tokens']) AS output_tokens,
    toUInt64OrZero(a['modeltally.download.bytes']) AS moved_bytes,
    greatest(
        toUInt64OrZero(a['modeltally.model.size']), toUInt64OrZero(a['modeltally.download.size'])
    ) AS size_bytes,
    if(isFinite(quality), accurateCastOrNull(round(least(greatest(quality, 0), 1) * 1e6), 'UInt32'), NULL)
        AS quality_ppm,
    mapFilter((name, value) -> NOT match(name, '^(modeltally|gen_ai|user|session|error|server|hw)[.]'), a) AS custom
FROM otel_traces
WHERE operation NOT IN ('', 'heartbeat', 'evaluation', 'inventory', 'model.state')
