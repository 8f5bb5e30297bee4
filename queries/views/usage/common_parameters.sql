-- Which parameters the requests to one model, or to all, come with, and how they fare: sizes, steps, guidance,
-- schedulers, LoRAs, tasks and so on, as they were said. Read from the events, which are kept for 90 days as a rule.
-- Grain: one row per parameter and value, the commonest first; what fewer say comes after.
-- Reads: usage_operations
-- Read by: stats parameters
WITH
    -- each parameter by itself, and none as text before it is counted
    grouped AS (
        SELECT
            task, request_type, image_width, image_height, steps_requested, guidance_millionths, strength_ppm,
            scheduler, loras, video_frames, video_fps_millionths, max_tokens, temperature_millionths, top_p_ppm,
            output_count, model_quantization, model_dtype, device, offload_mode,
            -- one bit for each, the first is the highest: 0 where the row is about it
            grouping(
                task, request_type, image_width, steps_requested, guidance_millionths, strength_ppm, scheduler,
                loras, video_frames, video_fps_millionths, max_tokens, temperature_millionths, top_p_ppm,
                output_count, model_quantization, model_dtype, device, offload_mode
            ) AS left_out,
            count() AS n,
            countIf(outcome IN ('failure', 'error')) AS failed,
            countIf(is_abandoned) AS given_up,
            n - countIf(outcome = 'cancelled' OR is_in_flight) AS could_succeed,
            countIf(outcome = 'success') + countIf(outcome = 'partial_success') / 2 AS succeeded,
            countIf(has_duration) AS timed,
            sumIf(assumeNotNull(duration_us), has_duration) AS timed_us
        FROM usage_operations(
            kind = if({subject:String} = '', '', {kind:String}),
            subject = {subject:String},
            operation = {operation:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
        GROUP BY GROUPING SETS (
            (task), (request_type), (image_width, image_height), (steps_requested), (guidance_millionths),
            (strength_ppm), (scheduler), (loras), (video_frames), (video_fps_millionths), (max_tokens),
            (temperature_millionths), (top_p_ppm), (output_count), (model_quantization), (model_dtype), (device),
            (offload_mode)
        )
    ),

    counted AS (
        SELECT
            [
                ('task', task::String),
                ('request_type', request_type::String),
                ('size', if(image_width = 0, '', format('{}x{}', toString(image_width), toString(image_height)))),
                ('steps', if(steps_requested = 0, '', toString(steps_requested))),
                ('guidance', coalesce(toString(guidance_millionths / 1e6), '')),
                ('strength', coalesce(toString(strength_ppm / 1e6), '')),
                ('scheduler', scheduler::String),
                ('loras', loras::String),
                ('frames', if(video_frames = 0, '', toString(video_frames))),
                ('fps', coalesce(toString(video_fps_millionths / 1e6), '')),
                ('max_tokens', if(max_tokens = 0, '', toString(max_tokens))),
                ('temperature', coalesce(toString(temperature_millionths / 1e6), '')),
                ('top_p', coalesce(toString(top_p_ppm / 1e6), '')),
                ('outputs', if(output_count = 0, '', toString(output_count))),
                ('quantization', model_quantization::String),
                ('dtype', model_dtype::String),
                ('device', device::String),
                ('offload', offload_mode::String)
            ][18 - toUInt8(log2(262143 - left_out))] AS pair,
            pair.1 AS parameter,
            pair.2 AS value,
            sum(n) AS operations,
            sum(failed) AS failures,
            sum(given_up) AS abandoned,
            sum(could_succeed) AS rated,
            sum(succeeded) AS good,
            sum(timed) AS durations,
            sum(timed_us) AS duration_sum_us
        FROM grouped
        WHERE value != ''
        GROUP BY pair
    )

SELECT
    parameter,
    value,
    operations,
    operations / sum(operations) OVER (PARTITION BY parameter) AS share,
    failures,
    abandoned,
    if(rated = 0, NULL, good / rated) AS success_rate,
    if(durations = 0, NULL, duration_sum_us / durations / 1000) AS mean_ms
FROM counted
ORDER BY sum(operations) OVER (PARTITION BY parameter) DESC, parameter, operations DESC, value
