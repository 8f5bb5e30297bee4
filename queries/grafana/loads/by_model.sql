-- How often each chosen model is loaded, how long that takes, and how long requests wait for it.
-- Grain: one row per model.
-- Reads: loads_by_model
SELECT
    model,
    cold_starts,
    cold_start_rate,
    waited_for_loads_ms,
    loads,
    load_failures,
    mean_load_ms,
    p95_load_ms,
    unloads,
    last_loaded_at
FROM loads_by_model(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE $__conditionalAll(model IN (${model:singlequote}), $model)
ORDER BY waited_for_loads_ms DESC, model
