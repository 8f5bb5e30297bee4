-- How much memory of the GPU each model takes on each device, and how much of what was reserved it used. Peaks are of
-- requests and loads; those measured while nothing else ran there are exact (exclusive), others hold their neighbours
-- too. Read from the events, which are kept for 90 days as a rule.
-- Grain: one row per model and device with a measured operation.
-- Reads: usage_operations
-- Read by: stats memory
SELECT
    model,
    device::String AS device,
    count() AS measured,
    countIf(is_gpu_memory_exclusive) AS exclusive,
    max(assumeNotNull(gpu_memory_peak_bytes)) AS peak_bytes,
    if(exclusive = 0, NULL, maxIf(assumeNotNull(gpu_memory_peak_bytes), is_gpu_memory_exclusive))
        AS exclusive_peak_bytes,
    sum(assumeNotNull(gpu_memory_peak_bytes)) / measured AS mean_peak_bytes,
    sumIf(assumeNotNull(gpu_memory_peak_bytes), isNotNull(gpu_memory_reserved_peak_bytes)) AS used_of_reserved_bytes,
    sum(coalesce(gpu_memory_reserved_peak_bytes, 0)) AS reserved_bytes,
    if(reserved_bytes = 0, NULL, used_of_reserved_bytes / reserved_bytes) AS used_share,
    max(model_memory_bytes) AS model_bytes
FROM usage_operations(
    kind = if({subject:String} = '', '', 'model'),
    subject = {subject:String},
    operation = '',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
)
WHERE isNotNull(gpu_memory_peak_bytes) AND model != ''
GROUP BY model, device
ORDER BY peak_bytes DESC, model, device
