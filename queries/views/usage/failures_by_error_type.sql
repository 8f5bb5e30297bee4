-- What goes wrong: requests that failed or ended in an error, by type.
-- Grain: one row per error type in the window.
-- Reads: usage_summary
-- Read by: stats failures
SELECT
    key AS error_type,
    failures,
    failures / sum(failures) OVER () AS share,
    failed AS unacceptable_results,
    errors,
    mean_ms,
    first_used_at AS first_seen_at,
    last_used_at AS last_seen_at
FROM usage_summary(
    kind = 'error_type',
    operation = 'model.request',
    by = 'subject',
    per = '',
    zone = 'UTC',
    finest = 'week',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
)
WHERE failures > 0
ORDER BY failures DESC, error_type
