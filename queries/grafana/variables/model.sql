-- Models to choose from: every one that was ever seen, used in the window or not. A value goes between quotes, so
-- backslashes are doubled in it.
-- Grain: one row per model.
-- Reads: storage_by_model
SELECT replaceAll(model, '\\', '\\\\') AS value, model AS text
FROM storage_by_model(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE model != ''
ORDER BY text
