-- What goes wrong where: requests to each model that failed or ended in an error, by type of error, beside all its
-- requests. Read from the events, which are kept for 90 days as a rule; failures_by_error_type knows all times.
-- Grain: one row per model and error type.
-- Reads: usage_operations
-- Read by: stats model-failures
WITH
    said AS (
        SELECT model, error_type::String AS error_type, outcome, start
        FROM usage_operations(
            kind = if({subject:String} = '', '', 'model'),
            subject = {subject:String},
            operation = 'model.request',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
    ),

    requests AS (
        SELECT model, count() AS requests FROM said GROUP BY model
    )

SELECT
    s.model AS model,
    s.error_type AS error_type,
    count() AS failures,
    any(r.requests) AS requests,
    failures / requests AS share_of_requests,
    min(s.start) AS first_seen_at,
    max(s.start) AS last_seen_at
FROM said AS s
INNER JOIN requests AS r ON r.model = s.model
WHERE s.outcome IN ('failure', 'error')
GROUP BY model, error_type
ORDER BY failures DESC, model, error_type
