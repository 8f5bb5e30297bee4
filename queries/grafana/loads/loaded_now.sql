-- What is loaded at the end of the window: where, since when, idle for how much of the time. Read from the events,
-- which are kept for 90 days; a load before the window is not seen.
-- Grain: one row per stay that goes on.
-- Reads: residency
SELECT model, device, service, instance, loaded_at, resident_seconds, idle_seconds, requests
FROM residency(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600,
    silent_after_seconds = 180
)
WHERE closed_by = 'open'
    AND $__conditionalAll(model IN (${model:singlequote}), $model)
ORDER BY loaded_at, model, device, instance
