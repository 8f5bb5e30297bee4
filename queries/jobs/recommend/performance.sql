-- Which models are slow, unreliable or unsteady in a window, and what to try. Never a reason to delete.
-- Slow: mean above slow_seconds. Unreliable: success rate below min_success_rate. Unsteady, from 20 durations on: the
-- standard deviation exceeds the mean, or p95 exceeds twice p50.
-- Confidence: chance that the true mean, or the true rate, is beyond its limit (normal approximation); for unsteady
-- n / (n + 20). The highest of those that apply.
-- Grain: one row per model with a finding.
-- Reads: usage_summary
WITH
    models AS (
        SELECT
            key AS model,
            operations,
            durations,
            success_rate,
            mean_ms,
            p50_ms,
            p95_ms,
            stddev_ms,
            mean_ms > {slow_seconds:Float64} * 1000 AS is_slow,
            success_rate < {min_success_rate:Float64} AS is_unreliable,
            durations >= 20 AND (stddev_ms > mean_ms OR p95_ms > 2 * p50_ms) AS is_unsteady,
            -- one success and one failure added, so that a handful of requests proves little
            (success_rate * operations + 1) / (operations + 2) AS smoothed_rate
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
    model AS subject,
    'advise' AS verdict,
    arrayStringConcat(arrayFilter(part -> part != '', [
        if(is_slow, format('slow: {} on average, try fewer steps, a smaller or quantised variant, or a faster device',
            formatReadableTimeDelta(mean_ms / 1000, 'hours', 'seconds')), ''),
        if(is_unreliable, format('unreliable: {} % succeed, check its files and its error types',
            toString(round(success_rate * 100, 1))), ''),
        if(is_unsteady, format('unsteady: p95 {} s against p50 {} s, look for cold starts and queueing',
            toString(round(p95_ms / 1000, 1)), toString(round(p50_ms / 1000, 1))), '')
    ]), '; ') AS reason,
    arrayMax([
        if(is_slow, if(coalesce(stddev_ms, 0) = 0, 0.5, 0.5 * (1 + erf(
            (mean_ms / 1000 - {slow_seconds:Float64}) / (stddev_ms / 1000 / sqrt(durations)) / sqrt(2)
        ))), 0),
        if(is_unreliable, 0.5 * (1 + erf(
            ({min_success_rate:Float64} - smoothed_rate)
            / sqrt(smoothed_rate * (1 - smoothed_rate) / (operations + 2)) / sqrt(2)
        )), 0),
        if(is_unsteady, durations / (durations + 20), 0)
    ]) AS confidence,
    multiIf(is_slow + is_unreliable + is_unsteady > 1, 'high', is_slow OR is_unreliable, 'medium', 'low') AS priority,
    toJSONString(CAST(
        (operations, success_rate, mean_ms / 1000, p50_ms / 1000, p95_ms / 1000, stddev_ms / 1000),
        'Tuple(
            requests UInt64, success_rate Nullable(Float64), mean_seconds Nullable(Float64),
            p50_seconds Nullable(Float64), p95_seconds Nullable(Float64), stddev_seconds Nullable(Float64)
        )'
    )) AS evidence,
    {since:DateTime64(6, 'UTC')} AS window_since,
    {until:DateTime64(6, 'UTC')} AS window_until,
    {as_of:DateTime64(6, 'UTC')} + INTERVAL 7 DAY AS expires_at
FROM models
WHERE is_slow OR is_unreliable OR is_unsteady
