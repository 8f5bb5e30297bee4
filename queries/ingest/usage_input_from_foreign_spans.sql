-- Requests that instrumentations of others tell of, in whichever words: OpenTelemetry's own, now and before, those of
-- Traceloop, OpenInference, OpenLIT, Logfire, LiteLLM, vLLM's server. What is an agent, a tool or a chain is none.
-- Each comes from a layer, said by the name of the instrumentation unless the team says otherwise: an engine runs the
-- model, a gateway passes requests on, a client sends them. Which of them are one request, the roll job finds.
-- Nothing here can fail: what cannot be read becomes null, zero or a reason to refuse.
-- Reads: otel_traces, tombstones, layers
CREATE MATERIALIZED VIEW IF NOT EXISTS usage_input_from_foreign_spans TO usage_input AS
WITH
    (SELECT tuple(groupArray((scope, service)), groupArray(layer)) FROM layers FINAL WHERE layer != '') AS said,
    SpanAttributes AS a,
    -- the first of several names that says something
    (names -> a[arrayFirst(name -> a[name] != '', names)]) AS one_of,
    (names -> if(toUInt64OrZero(one_of(names)) <= 1e10, toUInt64OrZero(one_of(names)), 0)) AS count_of,
    (value -> accurateCastOrNull(round(toFloat64OrNull(value) * 1e6), 'UInt64')) AS as_millionths,
    lower(one_of(['gen_ai.operation.name', 'openinference.span.kind', 'llm.request.type'])) AS kind,
    -- vLLM's server names no model in its spans: its resource may
    coalesce(
        nullIf(one_of(['gen_ai.request.model', 'llm.model_name', 'embedding.model_name']), ''),
        ResourceAttributes['gen_ai.request.model']
    ) AS asked_model,
    a['gen_ai.response.model'] AS answered_model,
    if(match(a['user.hash'], '^[0-9a-f]{16}$'), reinterpretAsUInt64(reverse(unhex(a['user.hash']))), 0) AS hash,
    (SELECT count() FROM tombstones) > 0
        AND SHA256(concat('modeltally erased user ', a['user.hash'])) IN (SELECT digest FROM tombstones) AS is_erased,
    arrayFirst(
        name -> name != '',
        arrayConcat([a['error.type']], arrayMap(attributes -> attributes['exception.type'], Events.Attributes))
    ) AS told_error,
    one_of(['gen_ai.cost.total_cost', 'gen_ai.usage.cost', 'llm.cost.total', 'operation.cost']) AS told_cost,
    Duration > 31 * 86400 * 1000000000 AS is_beyond_sense
SELECT
    -- identity
    toTimeZone(Timestamp, 'UTC') AS start,
    toFixedString(substring(unhex(TraceId), 1, 16), 16) AS trace_id,
    toFixedString(substring(unhex(SpanId), 1, 8), 8) AS span_id,
    -- receipt
    ReceivedAt AS received_at,
    multiIf(
        NOT match(TraceId, '^[0-9a-f]{32}$') OR NOT match(SpanId, '^[0-9a-f]{16}$'), 'bad_id',
        Timestamp < toDateTime64('2000-01-01', 9, 'UTC') OR Timestamp >= toDateTime64('2100-01-01', 9, 'UTC'),
        'time_out_of_range',
        Timestamp < ReceivedAt - INTERVAL 10 YEAR, 'too_old',
        Timestamp > ReceivedAt + INTERVAL 1 DAY, 'time_in_future',
        ''
    ) AS reject_reason,
    -- what happened
    'model.request' AS operation,
    if(StatusCode IN ('Error', 'STATUS_CODE_ERROR'), 'error', 'success') AS outcome,
    true AS is_counted,
    -- subjects
    multiIf(asked_model != '', asked_model, answered_model != '', answered_model, 'unknown') AS model,
    -- an exception's class without its module, as our own wrappers have it
    multiIf(
        outcome != 'error', '',
        told_error = '', 'unknown',
        match(told_error, '(?i)time_?out'), 'timeout',
        extract(told_error, '[^.]+$')
    ) AS error_type,
    if(ServiceName != '', ServiceName, 'unknown_service') AS service,
    a['gen_ai.agent.name'] AS agent,
    if(is_erased, 0, hash) AS user_hash,
    -- who reported
    multiIf(
        has(said.1, (ScopeName, ServiceName)), said.2[indexOf(said.1, (ScopeName, ServiceName))],
        has(said.1, (ScopeName, '')), said.2[indexOf(said.1, (ScopeName, ''))],
        match(ScopeName, '^(vllm|sglang|text_generation|text-generation|tgi|ollama|triton|llama)'), 'engine',
        match(ScopeName, '^(litellm|portkey|kong|envoy|agentgateway|helicone)'), 'gateway',
        'client'
    ) AS source,
    ScopeName AS scope,
    ResourceAttributes['service.instance.id'] AS instance,
    ResourceAttributes['host.name'] AS host,
    -- what it belongs to
    one_of(['session.id', 'traceloop.association.properties.session_id']) AS session,
    one_of(['gen_ai.conversation.id', 'traceloop.association.properties.conversation_id']) AS conversation,
    -- what a server called its answer: two that tell of one call say the same
    one_of(['gen_ai.response.id', 'gen_ai.request.id']) AS correlation_id,
    -- the model
    one_of(['gen_ai.provider.name', 'gen_ai.system', 'llm.provider', 'llm.system']) AS provider,
    answered_model AS response_model,
    -- times
    if(is_beyond_sense, NULL, intDiv(Duration, 1000)) AS duration_us,
    is_beyond_sense AS is_duration_invalid,
    as_millionths(one_of(['gen_ai.latency.time_in_queue'])) AS queue_us,
    as_millionths(
        one_of([
            'gen_ai.response.time_to_first_chunk', 'gen_ai.client.operation.time_to_first_chunk',
            'gen_ai.latency.time_to_first_token',
            -- of OpenLIT, which says it of what is not streamed as well
            if(is_stream, 'gen_ai.server.time_to_first_token', '')
        ])
    ) AS first_chunk_us,
    -- what was asked for
    multiIf(
        kind IN ('embedding', 'embeddings'), 'embeddings',
        kind IN ('completion', 'text_completion'), 'text_completion',
        kind IN ('llm', ''), 'chat',
        kind
    ) AS request_type,
    lower(one_of(['gen_ai.request.stream', 'gen_ai.request.is_stream', 'gen_ai.is_streaming', 'llm.is_streaming']))
        = 'true' AS is_stream,
    count_of(['gen_ai.request.max_tokens']) AS max_tokens,
    accurateCastOrNull(round(toFloat64OrNull(a['gen_ai.request.temperature']) * 1e6), 'Int64')
        AS temperature_millionths,
    if(
        isFinite(toFloat64OrNull(a['gen_ai.request.top_p'])),
        accurateCastOrNull(
            round(least(greatest(toFloat64OrNull(a['gen_ai.request.top_p']), 0), 1) * 1e6), 'UInt32'
        ),
        NULL
    ) AS top_p_ppm,
    -- what came out, and what it took
    a['gen_ai.output.type'] AS output_type,
    -- some write a list as JSON
    replaceRegexpAll(one_of(['gen_ai.response.finish_reasons', 'llm.finish_reason']), '[\\[\\]" ]', '')
        AS finish_reasons,
    count_of(['gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens', 'llm.token_count.prompt']) AS input_tokens,
    count_of(['gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens', 'llm.token_count.completion'])
        AS output_tokens,
    count_of([
        'gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.cache_read_input_tokens',
        'gen_ai.usage.details.cache_read_tokens', 'llm.token_count.prompt_details.cache_read'
    ]) AS cache_read_tokens,
    count_of([
        'gen_ai.usage.cache_write.input_tokens', 'gen_ai.usage.cache_creation.input_tokens',
        'gen_ai.usage.cache_creation_input_tokens', 'llm.token_count.prompt_details.cache_write'
    ]) AS cache_write_tokens,
    count_of([
        'gen_ai.usage.reasoning.output_tokens', 'gen_ai.usage.reasoning_tokens',
        'gen_ai.usage.details.reasoning_tokens', 'llm.token_count.completion_details.reasoning'
    ]) AS reasoning_tokens,
    -- by price lists of others, which are in dollars
    if(toFloat64OrNull(told_cost) <= 1e8, as_millionths(told_cost), NULL) AS cost_millionths,
    if(isNull(cost_millionths), '', 'USD') AS cost_currency
FROM otel_traces
WHERE NOT (ScopeName = 'modeltally' OR startsWith(ScopeName, 'modeltally.'))
    AND a['modeltally.operation'] = ''
    AND NOT mapContains(a, 'modeltally.outcome')
    AND source != 'ignored'
    -- a line of a log of Logfire's, about the span before it
    AND a['logfire.span_type'] != 'log'
    AND (
        kind IN (
            'chat', 'text_completion', 'completion', 'generate_content', 'embeddings', 'embedding', 'llm',
            'image', 'image_generation', 'video', 'audio', 'speech', 'transcription', 'fetch_response', 'responses'
        )
        -- vLLM's server says no kind, and agents of some add up what their calls used
        OR (kind = '' AND a['gen_ai.latency.time_to_first_token'] != '' AND a['gen_ai.agent.name'] = '')
    )
