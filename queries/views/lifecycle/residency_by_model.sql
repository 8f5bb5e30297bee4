-- How long each model stays loaded, how much of that nobody uses it, and when keeping it pays: keep it through a pause
-- shorter than break_even_seconds, T* = L (1 + w / G), unload it for a longer one (ski rental: at most twice the least
-- cost). L is its mean load time, w / G what an hour of waiting costs against an hour of an idle place on the device
-- (waiting_weight). Read from the events, which are kept for 90 days as a rule.
-- Grain: one row per model with a stay that began in the window.
-- Reads: residency, usage_operations
-- Read by: stats residency
WITH
    resident AS (
        SELECT *
        FROM residency(
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64},
            silent_after_seconds = {silent_after_seconds:Float64}
        )
    ),

    loading AS (
        SELECT model, sum(assumeNotNull(duration_us)) / count() / 1e6 AS load_seconds
        FROM usage_operations(
            kind = '',
            subject = '',
            operation = 'model.load',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
        WHERE outcome = 'success' AND has_duration
        GROUP BY model
    )

SELECT
    s.model AS model,
    count() AS stays,
    countIf(s.closed_by = 'open') AS loaded_now,
    sum(s.requests) AS requests,
    -- in whole microseconds, so no order of adding moves them
    sum(round(s.resident_seconds * 1e6)::Int64) / 1e6 AS resident_seconds,
    sum(round(s.busy_seconds * 1e6)::Int64) / 1e6 AS busy_seconds,
    sum(round(s.idle_seconds * 1e6)::Int64) / 1e6 AS idle_seconds,
    if(resident_seconds = 0, NULL, idle_seconds / resident_seconds) AS idle_share,
    if(any(l.load_seconds) = 0, NULL, any(l.load_seconds)) AS load_seconds,
    load_seconds * (1 + {waiting_weight:Float64}) AS break_even_seconds
FROM resident AS s
LEFT JOIN loading AS l ON l.model = s.model
GROUP BY model
ORDER BY idle_seconds DESC, model
