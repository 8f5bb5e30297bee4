-- From a span to the typed facts of an operation. Nothing here can fail: what cannot be read becomes null, zero or a
-- reason to refuse. A word of ours that nobody knows is a reason; a figure that no operation can have is left out and
-- named, so that no sum of figures wraps. Heartbeats come here only to be refused. The attributes that are left are a
-- column of a subquery: a name of an expression would be put in, and analysed, at each of its hundred uses.
-- Reads: otel_traces, tombstones
CREATE MATERIALIZED VIEW IF NOT EXISTS usage_input_from_spans TO usage_input AS
WITH
    (seconds -> accurateCastOrNull(round(toFloat64OrNull(seconds) * 1e6), 'UInt64')) AS as_us,
    (value -> accurateCastOrNull(round(toFloat64OrNull(value) * 1e6), 'UInt64')) AS as_millionths,
    (value -> accurateCastOrNull(round(toFloat64OrNull(value) * 1e6), 'Int64')) AS as_signed_millionths,
    -- shares beyond 0..1 are clamped, what is no number is absent
    (value -> if(
        isFinite(toFloat64OrNull(value)),
        accurateCastOrNull(round(least(greatest(toFloat64OrNull(value), 0), 1) * 1e6), 'UInt32'),
        NULL
    )) AS as_ppm,
    (value -> multiIf(value = 'true', true, value = 'false', false, NULL)) AS as_bool,
    a['user.hash'] AS user_hex,
    if(match(user_hex, '^[0-9a-f]{16}$'), reinterpretAsUInt64(reverse(unhex(user_hex))), 0) AS hash,
    -- where nobody was erased, nothing is computed
    (SELECT count() FROM tombstones) > 0
        AND SHA256(concat('modeltally erased user ', user_hex)) IN (SELECT digest FROM tombstones) AS is_erased,
    -- what ended before it began wraps
    Duration > 31 * 86400 * 1000000000 AS is_beyond_sense,
    a['modeltally.unfinished'] = 'true' AS unfinished,
    ScopeName = 'modeltally' OR startsWith(ScopeName, 'modeltally.') AS is_scope_ours,
    a['modeltally.operation'] IN (
        'model.request', 'model.download', 'model.load', 'model.unload', 'model.offload', 'model.health_check',
        'pattern.run'
    ) OR (
        -- a host's own
        match(a['modeltally.operation'], '^[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)+$')
        AND NOT match(a['modeltally.operation'], '^(model|pattern|modeltally|gen_ai)[.]')
        AND length(a['modeltally.operation']) <= 64
    ) AS is_known_operation
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
        -- each month is a partition of its own to write: one body of all months since 2000 would hold up all others
        Timestamp < ReceivedAt - INTERVAL 10 YEAR, 'too_old',
        Timestamp > ReceivedAt + INTERVAL 1 DAY, 'time_in_future',
        operation = 'heartbeat', 'senseless_heartbeat',
        NOT is_known_operation, 'unknown_operation',
        a['modeltally.unfinished'] NOT IN ('', 'true', 'false'), 'unknown_unfinished',
        a['modeltally.nested'] NOT IN ('', 'true', 'false'), 'unknown_nested',
        NOT unfinished
            AND a['modeltally.outcome'] NOT IN ('success', 'partial_success', 'failure', 'error', 'cancelled'),
        'unknown_outcome',
        ''
    ) AS reject_reason,
    -- what happened
    a['modeltally.operation'] AS operation,
    if(unfinished, '', a['modeltally.outcome']) AS outcome,
    a['modeltally.nested'] != 'true' AS is_counted,
    a['modeltally.nested.service'] AS marked_service,
    unfinished AS is_unfinished,
    a['modeltally.never_started'] = 'true' AS is_never_started,
    a['modeltally.error.site'] AS error_site,
    -- subjects
    multiIf(
        a['modeltally.model.id'] != '', a['modeltally.model.id'],
        a['gen_ai.request.model'] != '', a['gen_ai.request.model'],
        startsWith(operation, 'model.'), 'unknown',
        ''
    ) AS model,
    if(a['modeltally.pattern.id'] != '', a['modeltally.pattern.id'], a['modeltally.pattern.name']) AS pattern,
    if(a['error.type'] = '' AND outcome IN ('failure', 'error'), 'unknown', a['error.type']) AS error_type,
    if(ServiceName != '', ServiceName, 'unknown_service') AS service,
    a['modeltally.project'] AS project,
    a['gen_ai.agent.name'] AS agent,
    a['modeltally.context.type'] AS context_type,
    a['modeltally.file.type'] AS file_type,
    if(is_erased, 0, hash) AS user_hash,
    -- who reported
    a['modeltally.source'] AS source,
    ScopeName AS scope,
    ResourceAttributes['service.instance.id'] AS instance,
    ResourceAttributes['host.name'] AS host,
    -- what it belongs to
    a['session.id'] AS session,
    a['gen_ai.conversation.id'] AS conversation,
    a['modeltally.context.id'] AS context_id,
    a['modeltally.correlation_id'] AS correlation_id,
    toUInt32OrZero(a['modeltally.attempt']) AS attempt,
    a['modeltally.redelivered'] = 'true' AS is_redelivered,
    -- the model
    a['gen_ai.provider.name'] AS provider,
    a['gen_ai.response.model'] AS response_model,
    a['modeltally.model.base'] AS model_base,
    a['modeltally.model.revision'] AS model_revision,
    a['modeltally.model.commit'] AS model_commit,
    a['modeltally.model.type'] AS model_type,
    a['modeltally.model.format'] AS model_format,
    a['modeltally.model.quantization'] AS model_quantization,
    a['modeltally.model.dtype'] AS model_dtype,
    a['modeltally.model.priority'] AS model_priority,
    toUInt64OrZero(a['modeltally.model.parameters']) AS model_parameters,
    greatest(
        toUInt64OrZero(a['modeltally.model.size']), toUInt64OrZero(a['modeltally.download.size'])
    ) AS size_bytes,
    toUInt64OrZero(a['modeltally.model.memory.size']) AS model_memory_bytes,
    -- where it ran
    a['modeltally.device'] AS device,
    a['hw.id'] AS gpu,
    a['modeltally.offload.mode'] AS offload_mode,
    a['modeltally.framework'] AS framework,
    a['modeltally.framework.version'] AS framework_version,
    a['modeltally.pipeline.class'] AS pipeline_class,
    toUInt32OrZero(a['modeltally.concurrency']) AS concurrency,
    -- times
    -- what a host saw of its model servers happened between two looks: how long it took nobody knows
    if(
        unfinished OR is_beyond_sense OR a['modeltally.source'] = 'agent', NULL, intDiv(Duration, 1000)
    ) AS duration_us,
    is_beyond_sense AS is_duration_invalid,
    as_us(a['modeltally.queue.duration']) AS queue_us,
    as_us(a['gen_ai.response.time_to_first_chunk']) AS first_chunk_us,
    a['modeltally.model.cold_start'] = 'true' AS is_cold_start,
    as_us(a['modeltally.model.load.duration']) AS load_us,
    as_us(a['modeltally.timeout.limit']) AS timeout_limit_us,
    -- what was asked for
    a['modeltally.task'] AS task,
    a['gen_ai.operation.name'] AS request_type,
    a['gen_ai.request.stream'] = 'true' AS is_stream,
    toUInt32OrZero(a['modeltally.prompt.length']) AS prompt_characters,
    toUInt32OrZero(a['modeltally.negative_prompt.length']) AS negative_prompt_characters,
    toUInt64OrZero(a['gen_ai.request.max_tokens']) AS max_tokens,
    as_signed_millionths(a['gen_ai.request.temperature']) AS temperature_millionths,
    as_ppm(a['gen_ai.request.top_p']) AS top_p_ppm,
    toUInt32OrZero(a['modeltally.image.width']) AS image_width,
    toUInt32OrZero(a['modeltally.image.height']) AS image_height,
    toUInt32OrZero(a['modeltally.video.frames']) AS video_frames,
    as_millionths(a['modeltally.video.fps']) AS video_fps_millionths,
    as_us(a['modeltally.video.duration']) AS video_us,
    as_us(a['modeltally.audio.duration']) AS audio_us,
    toUInt32OrZero(a['modeltally.diffusion.steps.requested']) AS steps_requested,
    toUInt32OrNull(a['modeltally.diffusion.steps.completed']) AS steps_completed,
    as_signed_millionths(a['modeltally.diffusion.guidance_scale']) AS guidance_millionths,
    as_ppm(a['modeltally.diffusion.strength']) AS strength_ppm,
    a['modeltally.diffusion.scheduler'] AS scheduler,
    a['modeltally.lora.names'] AS loras,
    toUInt32OrZero(a['modeltally.lora.count']) AS lora_count,
    -- what came out, and what it took
    a['gen_ai.output.type'] AS output_type,
    toUInt32OrZero(a['modeltally.output.count']) AS output_count,
    a['gen_ai.response.finish_reasons'] AS finish_reasons,
    toUInt64OrZero(a['gen_ai.usage.input_tokens']) AS input_tokens,
    toUInt64OrZero(a['gen_ai.usage.output_tokens']) AS output_tokens,
    toUInt64OrZero(a['gen_ai.usage.cache_read.input_tokens']) AS cache_read_tokens,
    greatest(
        toUInt64OrZero(a['gen_ai.usage.cache_write.input_tokens']),
        toUInt64OrZero(a['gen_ai.usage.cache_creation.input_tokens'])
    ) AS cache_write_tokens,
    toUInt64OrZero(a['gen_ai.usage.reasoning.output_tokens']) AS reasoning_tokens,
    as_millionths(a['modeltally.generation.speed']) AS speed_millionths,
    a['modeltally.generation.speed.unit'] AS speed_unit,
    as_millionths(a['modeltally.cost.amount']) AS cost_millionths,
    a['modeltally.cost.currency'] AS cost_currency,
    toUInt64OrNull(a['modeltally.gpu.memory.before']) AS gpu_memory_before_bytes,
    toUInt64OrNull(a['modeltally.gpu.memory.after']) AS gpu_memory_after_bytes,
    toUInt64OrNull(a['modeltally.gpu.memory.peak']) AS gpu_memory_peak_bytes,
    toUInt64OrNull(a['modeltally.gpu.memory.reserved.peak']) AS gpu_memory_reserved_peak_bytes,
    a['modeltally.gpu.memory.exclusive'] = 'true' AS is_gpu_memory_exclusive,
    toUInt64OrNull(a['modeltally.host.memory.peak']) AS host_memory_peak_bytes,
    -- quality
    as_ppm(a['modeltally.quality.score']) AS quality_ppm,
    a['modeltally.quality.source'] AS quality_source,
    as_bool(a['modeltally.quality_gate.failed']) AS is_quality_gate_failed,
    toUInt32OrZero(a['modeltally.quality_gate.failures']) AS quality_gate_failures,
    a['modeltally.quality_gate.names'] AS quality_gates,
    -- a run of a pattern
    a['modeltally.pattern.name'] AS pattern_name,
    a['modeltally.pattern.version'] AS pattern_version,
    a['modeltally.pattern.kind'] AS pattern_kind,
    toUInt64OrZero(a['modeltally.items.total']) AS items,
    toUInt64OrZero(a['modeltally.items.succeeded']) AS items_succeeded,
    -- a download
    toUInt64OrZero(a['modeltally.download.bytes']) AS moved_bytes,
    toUInt64OrZero(a['modeltally.download.resumed.bytes']) AS resumed_bytes,
    toUInt32OrZero(a['modeltally.download.files']) AS files,
    toUInt32OrZero(a['modeltally.download.files.cached']) AS files_cached,
    as_bool(a['modeltally.download.cache_hit']) AS is_cache_hit,
    a['modeltally.download.resumed'] = 'true' AS is_resumed,
    toUInt32OrZero(a['modeltally.download.retries']) AS retries,
    as_us(a['modeltally.download.paused.duration']) AS paused_us,
    a['modeltally.download.protocol'] AS download_protocol,
    a['modeltally.download.source'] AS download_source,
    a['modeltally.download.reason'] AS download_reason,
    -- a load, an unload
    a['modeltally.load.source'] AS load_source,
    a['modeltally.unload.reason'] AS unload_reason,
    as_us(a['modeltally.model.resident.duration']) AS resident_us,
    toUInt64OrZero(a['modeltally.memory.freed']) AS freed_bytes,
    -- a health check
    a['modeltally.health.check.kind'] AS check_kind,
    a['modeltally.health.status'] AS health_status,
    as_ppm(a['modeltally.integrity.score']) AS integrity_ppm,
    as_ppm(a['modeltally.performance.score']) AS performance_ppm,
    toUInt32OrZero(a['modeltally.health.files.checked']) AS files_checked,
    toUInt32OrZero(a['modeltally.health.files.missing']) AS files_missing,
    toUInt32OrZero(a['modeltally.health.files.corrupted']) AS files_corrupted,
    -- what no operation can have
    arraySort(mapKeys(senseless)) AS senseless_figures,
    -- what the host made up
    mapFilter((name, value) -> NOT match(name, '^(modeltally|gen_ai|user|session|error|server|hw)[.]'), a) AS custom
FROM (
    SELECT *, mapFilter((name, value) -> NOT mapContains(senseless, name), SpanAttributes) AS a
    FROM (
        WITH
            -- the most that one operation may say of itself; below 0 is less than the least
            (name -> multiIf(
                name IN (
                    'gen_ai.request.max_tokens', 'gen_ai.usage.input_tokens', 'gen_ai.usage.output_tokens',
                    'gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.cache_write.input_tokens',
                    'gen_ai.usage.cache_creation.input_tokens', 'gen_ai.usage.reasoning.output_tokens',
                    'modeltally.items.total', 'modeltally.items.succeeded'
                ), 1e10,
                name IN ('modeltally.download.bytes', 'modeltally.download.resumed.bytes'), 1e13,
                name IN (
                    'modeltally.model.parameters', 'modeltally.model.size', 'modeltally.model.memory.size',
                    'modeltally.download.size', 'modeltally.memory.freed', 'modeltally.gpu.memory.before',
                    'modeltally.gpu.memory.after', 'modeltally.gpu.memory.peak', 'modeltally.gpu.memory.reserved.peak',
                    'modeltally.host.memory.peak'
                ), 1e15,
                name IN (
                    'modeltally.queue.duration', 'gen_ai.response.time_to_first_chunk',
                    'modeltally.model.load.duration', 'modeltally.timeout.limit',
                    'modeltally.download.paused.duration', 'modeltally.video.duration', 'modeltally.audio.duration'
                ), 31 * 86400,
                name IN ('modeltally.model.resident.duration', 'modeltally.generation.speed'), 1e9,
                name = 'modeltally.cost.amount', 1e8,
                name = 'modeltally.video.fps', 1e6,
                name IN (
                    'modeltally.attempt', 'modeltally.concurrency', 'modeltally.prompt.length',
                    'modeltally.negative_prompt.length', 'modeltally.image.width', 'modeltally.image.height',
                    'modeltally.video.frames', 'modeltally.diffusion.steps.requested',
                    'modeltally.diffusion.steps.completed', 'modeltally.lora.count', 'modeltally.output.count',
                    'modeltally.quality_gate.failures', 'modeltally.download.files', 'modeltally.download.files.cached',
                    'modeltally.download.retries', 'modeltally.health.files.checked', 'modeltally.health.files.missing',
                    'modeltally.health.files.corrupted'
                ), 4e9,
                startsWith(name, 'modeltally.heartbeat.') AND NOT name = 'modeltally.heartbeat.goodbye', 1e12,
                -1
            )) AS most
        SELECT
            Timestamp,
            TraceId,
            SpanId,
            ServiceName,
            ScopeName,
            ResourceAttributes,
            SpanAttributes,
            Duration,
            ReceivedAt,
            mapFilter(
                (name, value) -> most(name) >= 0
                    AND NOT ifNull(toFloat64OrNull(value) BETWEEN 0 AND most(name), false),
                SpanAttributes
            ) AS senseless
        FROM otel_traces
    )
)
WHERE operation NOT IN ('', 'heartbeat', 'evaluation', 'inventory', 'model.state')
    OR (operation = 'heartbeat' AND notEmpty(senseless))
    -- a mirror in the host's own traces says nothing that was not said
    OR (
        operation = ''
        AND ScopeName != 'modeltally.mirror'
        AND (is_scope_ours OR mapContains(SpanAttributes, 'modeltally.outcome'))
    )
