-- What goes wrong where: requests to each model that failed or ended in an error, by type of error, beside all its
-- requests. Read from the events, which are kept for 90 days as a rule; failures_by_error_type knows all times.
-- Grain: one row per model and error type.
-- Reads: usage_operations
-- Read by: stats model-failures
SELECT
    model,
    error_type,
    countIf(is_failure) AS failures,
    sum(count()) OVER (PARTITION BY model) AS requests,
    failures / requests AS share_of_requests,
    minIf(start, is_failure) AS first_seen_at,
    maxIf(start, is_failure) AS last_seen_at
FROM (
    SELECT model, error_type::String AS error_type, outcome IN ('failure', 'error') AS is_failure, start
    FROM usage_operations(
        kind = if({subject:String} = '', '', 'model'),
        subject = {subject:String},
        operation = 'model.request',
        since = {since:DateTime64(6, 'UTC')},
        until = {until:DateTime64(6, 'UTC')},
        as_of = {as_of:DateTime64(6, 'UTC')},
        abandoned_after_seconds = {abandoned_after_seconds:Float64}
    )
)
GROUP BY model, error_type
QUALIFY failures > 0
ORDER BY failures DESC, model, error_type
