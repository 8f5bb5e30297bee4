-- How much memory of the GPU each chosen model takes on each device, and how much of what was reserved it used. Read
-- from the events, which are kept for 90 days.
-- Grain: one row per model and device.
-- Reads: memory_by_model
SELECT model, device, measured, peak_bytes, exclusive_peak_bytes, reserved_bytes, used_share
FROM memory_by_model(
    subject = '',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE $__conditionalAll(model IN (${model:singlequote}), $model)
ORDER BY peak_bytes DESC, model, device
