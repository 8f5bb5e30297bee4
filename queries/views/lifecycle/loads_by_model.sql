-- How often each model is loaded, how long that takes, and how long requests wait for it. A request that waited for a
-- load is a cold start.
-- Grain: one row per model with a request, load or unload in the window.
-- Reads: usage_summary
-- Read by: stats loads
WITH
    by_model AS (
        SELECT
            key,
            sumIf(u.operations, of_operation = 'model.request') AS requests,
            sumIf(u.cold_starts, of_operation = 'model.request') AS cold,
            sumIf(u.waited_for_loads_ms, of_operation = 'model.request') AS waited_ms,
            sumIf(u.operations, of_operation = 'model.load') AS loads,
            sumIf(u.failures, of_operation = 'model.load') AS failed,
            anyIf(u.mean_ms, of_operation = 'model.load') AS mean,
            anyIf(u.p95_ms, of_operation = 'model.load') AS p95,
            sumIf(u.operations, of_operation = 'model.unload') AS unloads,
            maxIf(u.last_used_at, of_operation = 'model.load') AS last_at
        FROM usage_summary(
            kind = 'model',
            operation = '',
            by = 'subject_operation',
            per = '',
            zone = 'UTC',
            finest = 'week',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        ) AS u
        GROUP BY key
        HAVING requests + loads + unloads > 0
    )

SELECT
    key AS model,
    requests,
    cold AS cold_starts,
    if(requests = 0, NULL, cold / requests) AS cold_start_rate,
    waited_ms AS waited_for_loads_ms,
    loads,
    failed AS load_failures,
    mean AS mean_load_ms,
    p95 AS p95_load_ms,
    unloads,
    if(loads = 0, NULL, last_at) AS last_loaded_at
FROM by_model
ORDER BY waited_for_loads_ms DESC, loads DESC, model
