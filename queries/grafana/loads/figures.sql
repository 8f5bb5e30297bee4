-- What loading models costs the chosen ones, in one row: cold starts, waiting, loads.
-- Grain: one row.
-- Reads: loads_by_model
SELECT
    sum(l.cold_starts) AS cold_starts,
    if(sum(l.requests) = 0, NULL, sum(l.cold_starts) / sum(l.requests)) AS cold_start_rate,
    sum(l.waited_for_loads_ms) AS waited_for_loads_ms,
    sum(l.loads) AS loads,
    sum(l.load_failures) AS load_failures
FROM loads_by_model(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
) AS l
WHERE $__conditionalAll(l.model IN (${model:singlequote}), $model)
