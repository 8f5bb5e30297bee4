-- Requests to all models in the window, and how long they waited for models to be loaded.
-- Grain: one row, none where there was no request.
-- Reads: usage_overview, loads_by_model
WITH
    waited AS (
        SELECT sum(l.cold_starts) AS cold_starts, sum(l.waited_for_loads_ms) AS waited_for_loads_ms
        FROM loads_by_model(
            since = toDateTime64($__fromTime_ms, 6, 'UTC'),
            until = toDateTime64($__toTime_ms, 6, 'UTC'),
            as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
            abandoned_after_seconds = 21600
        ) AS l
    )

SELECT
    o.requests AS requests,
    o.success_rate AS success_rate,
    o.p95_ms AS p95_ms,
    o.users AS users,
    o.models AS models_used,
    waited.cold_starts AS cold_starts,
    waited.waited_for_loads_ms AS waited_for_loads_ms
FROM usage_overview(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
) AS o
CROSS JOIN waited
