-- How much each model is used, by how many, how well and how fast.
-- Grain: one row per model with a request in the window.
-- Reads: usage_summary
-- Read by: stats models
SELECT
    key AS model,
    operations AS requests,
    failures,
    abandoned,
    cancelled,
    in_flight,
    users,
    success_rate,
    mean_ms,
    p50_ms,
    p95_ms,
    p99_ms,
    cold_starts,
    input_tokens,
    output_tokens,
    first_used_at,
    last_used_at
FROM usage_summary(
    kind = 'model',
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
ORDER BY requests DESC, model
