-- Hours since each model was last asked.
-- Grain: one row per model that was asked in the window.
-- Reads: usage_frequency
SELECT subject AS model, hours_since_last_use
FROM usage_frequency(
    kind = 'model',
    operation = 'model.request',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC')
)
WHERE subject != ''
