-- When each chosen model was loaded on how many devices and processes: 0 where it was not. Read from the events, which
-- are kept for 90 days.
-- Grain: one row per model and moment at which one was loaded or left.
-- Reads: residency
WITH
    moments AS (
        SELECT r.model AS model, moment.1 AS time, sum(moment.2) AS change
        FROM residency(
            since = toDateTime64($__fromTime_ms, 6, 'UTC'),
            until = toDateTime64($__toTime_ms, 6, 'UTC'),
            as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
            abandoned_after_seconds = 21600,
            silent_after_seconds = 180
        ) AS r
        ARRAY JOIN [(r.loaded_at, 1), (r.left_at, if(r.closed_by = 'open', 0, -1))] AS moment
        WHERE $__conditionalAll(r.model IN (${model:singlequote}), $model)
        GROUP BY model, time
    )

SELECT
    time,
    model,
    sum(change) OVER (PARTITION BY model ORDER BY time ASC) AS loaded
FROM moments
ORDER BY time, model
