-- How the requests of some models fare by what they have in common: cold or warm, device, memory, scheduler, each
-- parameter, version, and the type of error they ended with. Where a value goes with failing or with taking long, it is
-- a likely cause. Durations are told as log buckets of a 32nd of an octave, as usage_summary has them, cancelled ones
-- excluded. Read from the events, which are kept for 90 days as a rule.
-- memory is under pressure where the peak passed nine tenths of the highest peak that its device ever showed.
-- Grain: one row per model, dimension and value; of the dimension '' one row per model with all its requests.
-- Reads: usage_operations
WITH
    asked AS (
        SELECT
            model,
            if(is_cold_start, 'cold', 'warm') AS start_of_it,
            device::String AS device,
            if(isNull(gpu_memory_peak_bytes), '',
                if(gpu_memory_peak_bytes >= 0.9 * max(gpu_memory_peak_bytes) OVER (PARTITION BY o.device, o.gpu),
                    'high', 'low')) AS memory,
            offload_mode::String AS offload,
            scheduler::String AS scheduler,
            if(image_width = 0, '', format('{}x{}', toString(image_width), toString(image_height))) AS size,
            if(steps_requested = 0, '', toString(steps_requested)) AS steps,
            if(video_frames = 0, '', toString(video_frames)) AS frames,
            loras::String AS loras,
            task::String AS task,
            model_quantization::String AS quantization,
            model_dtype::String AS dtype,
            if(model_commit != '', model_commit::String, model_revision::String) AS version,
            framework_version::String AS framework_version,
            outcome IN ('failure', 'error') OR is_abandoned AS is_failure,
            if(is_failure, if(error_type = '', 'unnamed', error_type::String), '') AS error,
            outcome != 'cancelled' AND NOT is_in_flight AS is_rated,
            has_duration,
            if(
                coalesce(duration_us, 0) = 0, -32768, ceil(log2(greatest(duration_us, 1)) * 32) - 1
            )::Int16 AS bucket
        FROM usage_operations(
            kind = '',
            subject = '',
            operation = 'model.request',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        ) AS o
        WHERE has({models:Array(String)}, model)
    ),

    grouped AS (
        SELECT
            model,
            start_of_it, device, memory, offload, scheduler, size, steps, frames, loras, task, quantization, dtype,
            version, framework_version, error,
            -- one bit for each, the first is the highest: 0 where the row is about it
            grouping(
                start_of_it, device, memory, offload, scheduler, size, steps, frames, loras, task, quantization,
                dtype, version, framework_version, error
            ) AS left_out,
            countIf(is_rated) AS rated,
            countIf(is_rated AND is_failure) AS failed,
            sumMapIf(map(bucket, toUInt64(1)), has_duration) AS durations
        FROM asked
        GROUP BY GROUPING SETS (
            (model), (model, start_of_it), (model, device), (model, memory), (model, offload), (model, scheduler),
            (model, size), (model, steps), (model, frames), (model, loras), (model, task), (model, quantization),
            (model, dtype), (model, version), (model, framework_version), (model, error)
        )
    )

SELECT
    model,
    [
        ('cold start', start_of_it), ('device', device), ('memory', memory), ('offload', offload),
        ('scheduler', scheduler), ('size', size), ('steps', steps), ('frames', frames), ('loras', loras),
        ('task', task), ('quantization', quantization), ('dtype', dtype), ('version', version),
        ('framework version', framework_version), ('error', error), ('', '')
    ][if(left_out = 32767, 16, 15 - toUInt8(log2(32767 - left_out)))] AS pair,
    pair.1 AS dimension,
    pair.2 AS value,
    rated AS requests,
    failed AS failures,
    mapKeys(durations) AS buckets,
    mapValues(durations) AS counts
FROM grouped
WHERE dimension = '' OR value != ''
ORDER BY model, dimension, requests DESC, value
