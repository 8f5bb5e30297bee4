-- The window in one row: requests to all models.
-- Grain: one row, none where there was no request.
-- Reads: usage_summary, usage_named_figures
-- Read by: stats overview
SELECT
    operations AS requests,
    models,
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
    kind = 'all',
    operation = 'model.request',
    by = 'total',
    finest = 'week',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
) AS s
CROSS JOIN (
    SELECT uniqExact(name) AS models
    FROM usage_named_figures(
        kind = 'model',
        operation = 'model.request',
        since = {since:DateTime64(6, 'UTC')},
        until = {until:DateTime64(6, 'UTC')},
        finest = 'week'
    )
) AS m
