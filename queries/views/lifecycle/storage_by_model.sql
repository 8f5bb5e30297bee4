-- What each model takes on disk against its use: the largest size that a download or load ever said of it, beside the
-- requests of the window. Models without a request are there too, if they were ever seen.
-- Grain: one row per model that was downloaded, loaded, checked or asked before the window's end.
-- Reads: usage_named_figures, usage_summary
-- Read by: stats storage
WITH
    known AS (
        SELECT
            name AS model,
            max(highs.size_bytes) AS size_bytes,
            max(highs.last_at) AS last_seen_at,
            maxIf(highs.last_at, operation IN ('model.request', 'nested model.request')) AS last_used_at
        FROM usage_named_figures(
            kind = 'model',
            operation = '',
            since = '2000-01-01 00:00:00',
            until = {until:DateTime64(6, 'UTC')},
            finest = 'week'
        )
        GROUP BY model
    ),

    asked AS (
        SELECT key AS model, operations, users
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
    )

SELECT
    k.model AS model,
    if(k.size_bytes = 0, NULL, k.size_bytes) AS size_bytes,
    if(k.size_bytes = 0, NULL, k.size_bytes / sum(k.size_bytes) OVER ()) AS share_of_bytes,
    a.operations AS requests,
    if(sum(a.operations) OVER () = 0, NULL, a.operations / sum(a.operations) OVER ()) AS share_of_requests,
    a.users AS users,
    if(k.size_bytes = 0 OR requests = 0, NULL, k.size_bytes / requests) AS bytes_per_request,
    if(k.last_used_at = 0, NULL, k.last_used_at) AS last_used_at,
    k.last_seen_at AS last_seen_at
FROM known AS k
LEFT JOIN asked AS a ON a.model = k.model
ORDER BY k.size_bytes DESC, requests, model
