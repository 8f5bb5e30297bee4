-- The window in one row: requests to all models.
-- Grain: one row, none where there was no request.
-- Reads: usage_summary
-- Read by: stats overview
SELECT
    operations AS requests,
    subjects AS models,
    users,
    successes,
    partial_successes,
    failures,
    cancelled,
    abandoned,
    in_flight,
    success_rate,
    error_rate,
    mean_ms,
    p50_ms,
    p95_ms,
    p99_ms,
    input_tokens,
    output_tokens,
    first_used_at,
    last_used_at
FROM usage_summary(
    kind = 'model',
    operation = 'model.request',
    by = 'total',
    finest = 'day',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
)
