-- How much, how well and how fast, by the values of an attribute: one that a host made up, acme.team for example, or
-- one of ours or the standard's whose values are words, modeltally.project for example.
-- Read from the events alone: rolls do not know attributes, so a window answers for what is still there, 90 days as a
-- rule. operation is the one to count, '' counts all of them. What ran inside another operation of its kind is part of
-- that one. Outcomes and rates are made and quantiles are read as everywhere (usage_summary).
-- Grain: one row per value; '' stands for the operations without the attribute.
-- Reads: usage_operations
-- Read by: stats attribute
WITH
    seen AS (
        SELECT
            start,
            outcome,
            is_abandoned,
            is_in_flight,
            has_duration,
            -- the condition of each is folded before the query runs: only the column asked for is read
            concat(
                custom[{attribute:String}],
                if({attribute:String} = 'error.type', error_type::String, ''),
                if({attribute:String} = 'modeltally.pattern.id', pattern::String, ''),
                if({attribute:String} = 'gen_ai.request.model', model::String, ''),
                if({attribute:String} = 'service.instance.id', instance::String, ''),
                if({attribute:String} = 'service.name', service::String, ''),
                if({attribute:String} = 'modeltally.error.site', error_site::String, ''),
                if({attribute:String} = 'modeltally.project', project::String, ''),
                if({attribute:String} = 'gen_ai.agent.name', agent::String, ''),
                if({attribute:String} = 'modeltally.context.type', context_type::String, ''),
                if({attribute:String} = 'modeltally.file.type', file_type::String, ''),
                if({attribute:String} = 'modeltally.source', source::String, ''),
                if({attribute:String} = 'session.id', session::String, ''),
                if({attribute:String} = 'gen_ai.conversation.id', conversation::String, ''),
                if({attribute:String} = 'modeltally.context.id', context_id::String, ''),
                if({attribute:String} = 'modeltally.correlation_id', correlation_id::String, ''),
                if({attribute:String} = 'gen_ai.provider.name', provider::String, ''),
                if({attribute:String} = 'gen_ai.response.model', response_model::String, ''),
                if({attribute:String} = 'modeltally.model.base', model_base::String, ''),
                if({attribute:String} = 'modeltally.model.revision', model_revision::String, ''),
                if({attribute:String} = 'modeltally.model.commit', model_commit::String, ''),
                if({attribute:String} = 'modeltally.model.type', model_type::String, ''),
                if({attribute:String} = 'modeltally.model.format', model_format::String, ''),
                if({attribute:String} = 'modeltally.model.quantization', model_quantization::String, ''),
                if({attribute:String} = 'modeltally.model.dtype', model_dtype::String, ''),
                if({attribute:String} = 'modeltally.model.priority', model_priority::String, ''),
                if({attribute:String} = 'modeltally.device', device::String, ''),
                if({attribute:String} = 'hw.id', gpu::String, ''),
                if({attribute:String} = 'modeltally.offload.mode', offload_mode::String, ''),
                if({attribute:String} = 'modeltally.framework', framework::String, ''),
                if({attribute:String} = 'modeltally.framework.version', framework_version::String, ''),
                if({attribute:String} = 'modeltally.pipeline.class', pipeline_class::String, ''),
                if({attribute:String} = 'modeltally.task', task::String, ''),
                if({attribute:String} = 'gen_ai.operation.name', request_type::String, ''),
                if({attribute:String} = 'modeltally.diffusion.scheduler', scheduler::String, ''),
                if({attribute:String} = 'modeltally.lora.names', loras::String, ''),
                if({attribute:String} = 'gen_ai.output.type', output_type::String, ''),
                if({attribute:String} = 'gen_ai.response.finish_reasons', finish_reasons::String, ''),
                if({attribute:String} = 'modeltally.generation.speed.unit', speed_unit::String, ''),
                if({attribute:String} = 'modeltally.cost.currency', cost_currency::String, ''),
                if({attribute:String} = 'modeltally.quality.source', quality_source::String, ''),
                if({attribute:String} = 'modeltally.quality_gate.names', quality_gates::String, ''),
                if({attribute:String} = 'modeltally.pattern.name', pattern_name::String, ''),
                if({attribute:String} = 'modeltally.pattern.version', pattern_version::String, ''),
                if({attribute:String} = 'modeltally.pattern.kind', pattern_kind::String, ''),
                if({attribute:String} = 'modeltally.download.protocol', download_protocol::String, ''),
                if({attribute:String} = 'modeltally.download.source', download_source::String, ''),
                if({attribute:String} = 'modeltally.download.reason', download_reason::String, ''),
                if({attribute:String} = 'modeltally.load.source', load_source::String, ''),
                if({attribute:String} = 'modeltally.unload.reason', unload_reason::String, ''),
                if({attribute:String} = 'modeltally.health.check.kind', check_kind::String, ''),
                if({attribute:String} = 'modeltally.health.status', health_status::String, '')
            ) AS value,
            assumeNotNull(duration_us) AS us,
            if(us = 0, -32768, ceil(log2(greatest(us, 1)) * 32) - 1)::Int16 AS slot
        FROM usage_operations(
            kind = '',
            subject = '',
            operation = {operation:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
    ),

    sums AS (
        SELECT
            value,
            count() AS operations,
            countIf(outcome = 'success') AS successes,
            countIf(outcome = 'partial_success') AS partial_successes,
            countIf(outcome IN ('failure', 'error')) AS failures,
            countIf(outcome = 'cancelled') AS cancelled,
            countIf(is_abandoned) AS abandoned,
            countIf(is_in_flight) AS in_flight,
            operations - cancelled - in_flight AS rated,
            countIf(has_duration) AS durations,
            sumIf(us, has_duration) AS duration_sum_us,
            sumMapIf(map(slot, toUInt64(1)), has_duration) AS histogram,
            arrayCumSum(mapValues(histogram)) AS cumulated,
            mapKeys(histogram)[
                arrayFirstIndex(reached -> reached >= intDiv(durations * 95 + 99, 100), cumulated)
            ] AS p95_slot,
            min(start) AS first_used_at,
            max(start) AS last_used_at
        FROM seen
        GROUP BY value
    )

SELECT
    value,
    operations,
    successes,
    partial_successes,
    failures,
    cancelled,
    abandoned,
    in_flight,
    if(rated = 0, NULL, (successes + partial_successes / 2) / rated) AS success_rate,
    if(durations = 0, NULL, duration_sum_us / durations / 1000) AS mean_ms,
    if(durations = 0, NULL, if(p95_slot = -32768, 0, pow(2, (p95_slot + 0.5) / 32) / 1000)) AS p95_ms,
    first_used_at,
    last_used_at
FROM sums
ORDER BY operations DESC, value
