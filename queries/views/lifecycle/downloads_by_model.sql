-- What was downloaded of each model: how often, how much, how fast, and how often it failed.
-- Grain: one row per model with a download in the window.
-- Reads: usage_summary
-- Read by: stats downloads
SELECT
    key AS model,
    operations AS downloads,
    successes,
    failures,
    cancelled,
    abandoned,
    in_flight,
    moved_bytes,
    size_bytes,
    mean_ms,
    total_ms,
    if(total_ms = 0, NULL, moved_bytes / total_ms * 1000) AS bytes_per_second,
    last_used_at AS last_begun_at
FROM usage_summary(
    kind = 'model',
    operation = 'model.download',
    by = 'subject',
    per = '',
    zone = 'UTC',
    finest = 'week',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
)
ORDER BY moved_bytes DESC, model
