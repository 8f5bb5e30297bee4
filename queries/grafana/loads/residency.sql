-- How long each chosen model stays loaded and how much of that nobody uses it; keep it loaded through pauses shorter
-- than break_even_seconds. Read from the events, which are kept for 90 days.
-- Grain: one row per model.
-- Reads: residency_by_model
SELECT
    model,
    stays,
    loaded_now,
    resident_seconds,
    idle_seconds,
    idle_share,
    load_seconds,
    break_even_seconds
FROM residency_by_model(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600,
    silent_after_seconds = 180,
    waiting_weight = 10
)
WHERE $__conditionalAll(model IN (${model:singlequote}), $model)
ORDER BY idle_seconds DESC, model
