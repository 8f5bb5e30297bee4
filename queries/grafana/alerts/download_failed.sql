-- Downloads of each model that failed.
-- Grain: one row per model with a download.
-- Reads: downloads_by_model
SELECT model, failures
FROM downloads_by_model(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
