-- The facts: immutable, typed, copies included. Reads collapse the copies of one identity (start, trace, span).
-- A copy that is not counted takes another out of the count only where both are about the span of one service: of
-- marked_service where a copy names it, because it marks the span of another, else of the copy's own.
-- Text is empty and a number 0 where the span does not say it; it is null where 0 or false would say something else.
-- The projections count the rows of each hour and of each five minutes; they are written with the part, so a count is
-- never ahead of its rows.
-- Grain: one row per copy of an operation received.
CREATE TABLE IF NOT EXISTS usage_events (
    -- identity
    start DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    trace_id FixedString(16) CODEC(NONE),
    span_id FixedString(8) CODEC(NONE),
    -- receipt
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    -- always empty here; in usage_input, which has the same columns, why a span cannot be counted
    reject_reason LowCardinality(String) CODEC(ZSTD(1)),
    -- what happened
    operation LowCardinality(String) CODEC(ZSTD(1)),
    outcome LowCardinality(String) CODEC(ZSTD(1)),
    is_counted Bool CODEC(ZSTD(1)),
    marked_service LowCardinality(String) CODEC(ZSTD(1)),
    is_unfinished Bool CODEC(ZSTD(1)),
    is_never_started Bool CODEC(ZSTD(1)),
    error_site LowCardinality(String) CODEC(ZSTD(1)),
    -- subjects
    model LowCardinality(String) CODEC(ZSTD(1)),
    pattern LowCardinality(String) CODEC(ZSTD(1)),
    error_type LowCardinality(String) CODEC(ZSTD(1)),
    service LowCardinality(String) CODEC(ZSTD(1)),
    project LowCardinality(String) CODEC(ZSTD(1)),
    agent LowCardinality(String) CODEC(ZSTD(1)),
    context_type LowCardinality(String) CODEC(ZSTD(1)),
    file_type LowCardinality(String) CODEC(ZSTD(1)),
    user_hash UInt64 CODEC(ZSTD(1)),
    -- who reported
    source LowCardinality(String) CODEC(ZSTD(1)),
    scope LowCardinality(String) CODEC(ZSTD(1)),
    instance LowCardinality(String) CODEC(ZSTD(1)),
    host LowCardinality(String) CODEC(ZSTD(1)),
    -- what it belongs to
    session String CODEC(ZSTD(1)),
    conversation String CODEC(ZSTD(1)),
    context_id String CODEC(ZSTD(1)),
    correlation_id String CODEC(ZSTD(1)),
    attempt UInt32 CODEC(T64, ZSTD(1)),
    is_redelivered Bool CODEC(ZSTD(1)),
    -- the model
    provider LowCardinality(String) CODEC(ZSTD(1)),
    response_model LowCardinality(String) CODEC(ZSTD(1)),
    model_base LowCardinality(String) CODEC(ZSTD(1)),
    model_revision LowCardinality(String) CODEC(ZSTD(1)),
    model_commit LowCardinality(String) CODEC(ZSTD(1)),
    model_type LowCardinality(String) CODEC(ZSTD(1)),
    model_format LowCardinality(String) CODEC(ZSTD(1)),
    model_quantization LowCardinality(String) CODEC(ZSTD(1)),
    model_dtype LowCardinality(String) CODEC(ZSTD(1)),
    model_priority LowCardinality(String) CODEC(ZSTD(1)),
    model_parameters UInt64 CODEC(ZSTD(1)),
    size_bytes UInt64 CODEC(ZSTD(1)),
    model_memory_bytes UInt64 CODEC(ZSTD(1)),
    -- where it ran
    device LowCardinality(String) CODEC(ZSTD(1)),
    gpu LowCardinality(String) CODEC(ZSTD(1)),
    offload_mode LowCardinality(String) CODEC(ZSTD(1)),
    framework LowCardinality(String) CODEC(ZSTD(1)),
    framework_version LowCardinality(String) CODEC(ZSTD(1)),
    pipeline_class LowCardinality(String) CODEC(ZSTD(1)),
    concurrency UInt32 CODEC(T64, ZSTD(1)),
    -- times
    duration_us Nullable(UInt64) CODEC(T64, ZSTD(1)),
    is_duration_invalid Bool CODEC(ZSTD(1)),
    queue_us Nullable(UInt64) CODEC(T64, ZSTD(1)),
    first_chunk_us Nullable(UInt64) CODEC(T64, ZSTD(1)),
    is_cold_start Bool CODEC(ZSTD(1)),
    load_us Nullable(UInt64) CODEC(ZSTD(1)),
    timeout_limit_us Nullable(UInt64) CODEC(T64, ZSTD(1)),
    -- what was asked for
    task LowCardinality(String) CODEC(ZSTD(1)),
    request_type LowCardinality(String) CODEC(ZSTD(1)),
    is_stream Bool CODEC(ZSTD(1)),
    prompt_characters UInt32 CODEC(T64, ZSTD(1)),
    negative_prompt_characters UInt32 CODEC(T64, ZSTD(1)),
    max_tokens UInt64 CODEC(ZSTD(1)),
    temperature_millionths Nullable(Int64) CODEC(ZSTD(1)),
    top_p_ppm Nullable(UInt32) CODEC(ZSTD(1)),
    image_width UInt32 CODEC(T64, ZSTD(1)),
    image_height UInt32 CODEC(T64, ZSTD(1)),
    video_frames UInt32 CODEC(T64, ZSTD(1)),
    video_fps_millionths Nullable(UInt64) CODEC(T64, ZSTD(1)),
    video_us Nullable(UInt64) CODEC(T64, ZSTD(1)),
    audio_us Nullable(UInt64) CODEC(T64, ZSTD(1)),
    steps_requested UInt32 CODEC(T64, ZSTD(1)),
    steps_completed Nullable(UInt32) CODEC(T64, ZSTD(1)),
    guidance_millionths Nullable(Int64) CODEC(ZSTD(1)),
    strength_ppm Nullable(UInt32) CODEC(ZSTD(1)),
    scheduler LowCardinality(String) CODEC(ZSTD(1)),
    loras LowCardinality(String) CODEC(ZSTD(1)),
    lora_count UInt32 CODEC(T64, ZSTD(1)),
    -- what came out, and what it took
    output_type LowCardinality(String) CODEC(ZSTD(1)),
    output_count UInt32 CODEC(T64, ZSTD(1)),
    finish_reasons LowCardinality(String) CODEC(ZSTD(1)),
    input_tokens UInt64 CODEC(T64, ZSTD(1)),
    output_tokens UInt64 CODEC(T64, ZSTD(1)),
    cache_read_tokens UInt64 CODEC(T64, ZSTD(1)),
    cache_write_tokens UInt64 CODEC(T64, ZSTD(1)),
    reasoning_tokens UInt64 CODEC(T64, ZSTD(1)),
    speed_millionths Nullable(UInt64) CODEC(T64, ZSTD(1)),
    speed_unit LowCardinality(String) CODEC(ZSTD(1)),
    cost_millionths Nullable(UInt64) CODEC(T64, ZSTD(1)),
    cost_currency LowCardinality(String) CODEC(ZSTD(1)),
    gpu_memory_before_bytes Nullable(UInt64) CODEC(T64, ZSTD(1)),
    gpu_memory_after_bytes Nullable(UInt64) CODEC(T64, ZSTD(1)),
    gpu_memory_peak_bytes Nullable(UInt64) CODEC(T64, ZSTD(1)),
    gpu_memory_reserved_peak_bytes Nullable(UInt64) CODEC(T64, ZSTD(1)),
    is_gpu_memory_exclusive Bool CODEC(ZSTD(1)),
    host_memory_peak_bytes Nullable(UInt64) CODEC(T64, ZSTD(1)),
    -- quality
    quality_ppm Nullable(UInt32) CODEC(ZSTD(1)),
    quality_source LowCardinality(String) CODEC(ZSTD(1)),
    is_quality_gate_failed Nullable(Bool) CODEC(ZSTD(1)),
    quality_gate_failures UInt32 CODEC(T64, ZSTD(1)),
    quality_gates LowCardinality(String) CODEC(ZSTD(1)),
    -- a run of a pattern
    pattern_name LowCardinality(String) CODEC(ZSTD(1)),
    pattern_version LowCardinality(String) CODEC(ZSTD(1)),
    pattern_kind LowCardinality(String) CODEC(ZSTD(1)),
    items UInt64 CODEC(T64, ZSTD(1)),
    items_succeeded UInt64 CODEC(T64, ZSTD(1)),
    -- a download
    moved_bytes UInt64 CODEC(T64, ZSTD(1)),
    resumed_bytes UInt64 CODEC(T64, ZSTD(1)),
    files UInt32 CODEC(T64, ZSTD(1)),
    files_cached UInt32 CODEC(T64, ZSTD(1)),
    is_cache_hit Nullable(Bool) CODEC(ZSTD(1)),
    is_resumed Bool CODEC(ZSTD(1)),
    retries UInt32 CODEC(T64, ZSTD(1)),
    paused_us Nullable(UInt64) CODEC(T64, ZSTD(1)),
    download_protocol LowCardinality(String) CODEC(ZSTD(1)),
    download_source LowCardinality(String) CODEC(ZSTD(1)),
    download_reason LowCardinality(String) CODEC(ZSTD(1)),
    -- a load, an unload
    load_source LowCardinality(String) CODEC(ZSTD(1)),
    unload_reason LowCardinality(String) CODEC(ZSTD(1)),
    resident_us Nullable(UInt64) CODEC(T64, ZSTD(1)),
    freed_bytes UInt64 CODEC(T64, ZSTD(1)),
    -- a health check
    check_kind LowCardinality(String) CODEC(ZSTD(1)),
    health_status LowCardinality(String) CODEC(ZSTD(1)),
    integrity_ppm Nullable(UInt32) CODEC(T64, ZSTD(1)),
    performance_ppm Nullable(UInt32) CODEC(T64, ZSTD(1)),
    files_checked UInt32 CODEC(T64, ZSTD(1)),
    files_missing UInt32 CODEC(T64, ZSTD(1)),
    files_corrupted UInt32 CODEC(T64, ZSTD(1)),
    -- attributes left out because no operation can have such a figure: no number, below 0, too large for any sum
    senseless_figures Array(LowCardinality(String)) CODEC(ZSTD(1)),
    -- what the host made up: attributes that are neither ours nor the standard's
    custom Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    PROJECTION rows_by_hour (SELECT toStartOfHour(start) AS hour, count() GROUP BY hour),
    PROJECTION rows_by_slice (
        SELECT toStartOfHour(start) AS hour, toStartOfFiveMinutes(start) AS slice, count() GROUP BY hour, slice
    )
)
ENGINE = MergeTree
PARTITION BY toStartOfMonth(start)
ORDER BY (start, trace_id, span_id)
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1
