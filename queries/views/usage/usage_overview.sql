-- The window in one row: requests to all models.
-- Grain: one row, none where there was no request.
-- Reads: usage_summary, usage_named_figures
-- Read by: stats overview
WITH
    used AS (
        SELECT uniqExact(name) AS models
        FROM usage_named_figures(
            kind = 'model',
            operation = 'model.request',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = 'week'
        )
    )

SELECT
    s.operations AS requests,
    used.models AS models,
    s.users AS users,
    s.successes AS successes,
    s.partial_successes AS partial_successes,
    s.failures AS failures,
    s.cancelled AS cancelled,
    s.abandoned AS abandoned,
    s.in_flight AS in_flight,
    s.success_rate AS success_rate,
    s.error_rate AS error_rate,
    s.mean_ms AS mean_ms,
    s.p50_ms AS p50_ms,
    s.p95_ms AS p95_ms,
    s.p99_ms AS p99_ms,
    s.input_tokens AS input_tokens,
    s.output_tokens AS output_tokens,
    s.first_used_at AS first_used_at,
    s.last_used_at AS last_used_at
FROM usage_summary(
    kind = 'all',
    operation = 'model.request',
    by = '',
    per = '',
    zone = 'UTC',
    finest = 'week',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
) AS s
CROSS JOIN used
