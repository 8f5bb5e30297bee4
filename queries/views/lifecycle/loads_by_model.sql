-- How often each model is loaded, how long that takes, and how long requests wait for it. A request that waited for a
-- load is a cold start.
-- Grain: one row per model with a request, load or unload in the window.
-- Reads: usage_summary
-- Read by: stats loads
WITH
    requests AS (
        SELECT key AS model, operations, cold_starts, waited_for_loads_ms
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
    ),

    loads AS (
        SELECT key AS model, operations, failures, mean_ms, p95_ms, last_used_at
        FROM usage_summary(
            kind = 'model',
            operation = 'model.load',
            by = 'subject',
            per = '',
            zone = 'UTC',
            finest = 'week',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
    ),

    unloads AS (
        SELECT key AS model, operations
        FROM usage_summary(
            kind = 'model',
            operation = 'model.unload',
            by = 'subject',
            per = '',
            zone = 'UTC',
            finest = 'week',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
    ),

    named AS (
        SELECT model FROM requests
        UNION DISTINCT
        SELECT model FROM loads
        UNION DISTINCT
        SELECT model FROM unloads
    )

SELECT
    n.model AS model,
    r.operations AS requests,
    r.cold_starts AS cold_starts,
    if(requests = 0, NULL, r.cold_starts / requests) AS cold_start_rate,
    r.waited_for_loads_ms AS waited_for_loads_ms,
    l.operations AS loads,
    l.failures AS load_failures,
    l.mean_ms AS mean_load_ms,
    l.p95_ms AS p95_load_ms,
    u.operations AS unloads,
    if(loads = 0, NULL, l.last_used_at) AS last_loaded_at
FROM named AS n
LEFT JOIN requests AS r ON r.model = n.model
LEFT JOIN loads AS l ON l.model = n.model
LEFT JOIN unloads AS u ON u.model = n.model
ORDER BY waited_for_loads_ms DESC, loads DESC, model
