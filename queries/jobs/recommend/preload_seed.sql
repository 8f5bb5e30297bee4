-- Which models to load before they are asked for: used more than min_uses_per_day, rising, reliable, and more likely
-- than not to be asked for within the time a load takes and one hour more.
-- Rising: least-squares slope of the 28 daily counts (days without use are zeros) above zero at the 1 % level,
-- one-sided, 26 degrees of freedom (t > 2.479), its error from the residuals, so over-dispersion counts against it.
-- Rate of an hour: its count by hour of the week, with one week's worth of its hour of the day added (a gamma prior),
-- scaled by where the trend stands now against its mean. Arrivals are taken as Poisson: next use has its median where
-- the expected count reaches ln 2, and its 80 % interval between -ln 0.9 and -ln 0.1.
-- Confidence: chance of a use within that time.
-- Grain: one row per model to preload, and one for the run ('*') where the history is too short.
-- Reads: usage_named_figures, usage_summary, days_watched
WITH
    hourly AS (
        SELECT name AS model, bucket, sum(sums.operations) AS uses
        FROM usage_named_figures(
            kind = 'model',
            operation = 'model.request',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = 'hour'
        )
        GROUP BY model, bucket
    ),

    counts AS (
        SELECT
            model,
            sumMap(map(toUInt16(dateDiff('day', {since:DateTime64(6, 'UTC')}, bucket)), uses)) AS by_day,
            sumMap(map(toUInt16((toDayOfWeek(bucket) - 1) * 24 + toHour(bucket)), uses)) AS by_hour_of_week,
            sumMap(map(toUInt16(toHour(bucket)), uses)) AS by_hour_of_day
        FROM hourly
        GROUP BY model
    ),

    trends AS (
        SELECT
            model,
            by_hour_of_week,
            by_hour_of_day,
            arrayMap(day -> toFloat64(by_day[toUInt16(day)]), range(28)) AS daily,
            arrayAvg(daily) AS uses_per_day,
            arraySum((day, uses) -> (day - 13.5) * (uses - uses_per_day), range(28), daily) / 1827 AS slope,
            arraySum(
                (day, uses) -> pow(uses - uses_per_day - slope * (day - 13.5), 2), range(28), daily
            ) / 26 AS residual_variance,
            if(residual_variance = 0, if(slope > 0, 99., 0.), slope / sqrt(residual_variance / 1827)) AS t_value,
            least(greatest((uses_per_day + slope * 14.5) / uses_per_day, 0.5), 3) AS level
        FROM counts
    ),

    loads AS (
        SELECT key AS model, assumeNotNull(mean_ms) / 1000 AS load_seconds
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
        WHERE durations > 0
    ),

    requests AS (
        SELECT key AS model, success_rate, last_used_at
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

    expected AS (
        SELECT
            t.model AS model,
            t.uses_per_day AS uses_per_day,
            t.slope AS slope,
            t.t_value AS t_value,
            r.success_rate AS success_rate,
            r.last_used_at AS last_used_at,
            if(l.load_seconds = 0, {unknown_load_seconds:Float64}, l.load_seconds) AS load_seconds,
            -- the coming week, hour by hour; the first hour counts from as_of
            arrayMap(
                ahead -> toStartOfHour({as_of:DateTime64(6, 'UTC')}) + toIntervalHour(ahead), range(169)
            ) AS hours,
            arrayMap(
                hour -> (
                    t.by_hour_of_week[toUInt16((toDayOfWeek(hour) - 1) * 24 + toHour(hour))]
                    + t.by_hour_of_day[toUInt16(toHour(hour))] / 28
                ) / 5 * t.level,
                hours
            ) AS rates,
            dateDiff('microsecond', hours[1], {as_of:DateTime64(6, 'UTC')}) / 3.6e9 AS elapsed,
            arrayCumSum(arrayMap((rate, at) -> rate * if(at = 1, 1 - elapsed, 1), rates, arrayEnumerate(rates)))
                AS cumulated,
            load_seconds / 3600 + 1 AS horizon_hours,
            arraySum(
                (rate, at) -> rate * greatest(
                    0.,
                    least(toFloat64(at), elapsed + horizon_hours) - greatest(toFloat64(at) - 1, elapsed)
                ),
                rates,
                arrayEnumerate(rates)
            ) AS uses_within_horizon,
            arrayMap(
                reached -> arrayFirstIndex(sum_so_far -> sum_so_far >= reached, cumulated),
                [-log(0.9), log(2), -log(0.1)]
            ) AS next_indexes,
            arrayMap(
                (reached, at) -> if(
                    at = 0,
                    NULL,
                    {as_of:DateTime64(6, 'UTC')} + toIntervalSecond(toInt64(3600 * (
                        at - elapsed - (cumulated[at] - reached) / rates[at]
                    )))
                ),
                [-log(0.9), log(2), -log(0.1)],
                next_indexes
            ) AS next_uses
        FROM trends AS t
        LEFT JOIN loads AS l ON l.model = t.model
        LEFT JOIN requests AS r ON r.model = t.model
    ),

    run AS (
        SELECT
            length(days) AS watched_days,
            seen_at,
            multiIf(
                watched_days < {history_days:Float64},
                format('history: watched for {} {}, {} are needed to see a trend',
                    toString(watched_days), if(watched_days = 1, 'day', 'days'), toString({history_days:Float64})),
                is_silent,
                format('silence: nothing was seen since {}', toString(toDateTime(seen_at, 'UTC'))),
                ''
            ) AS refusal
        FROM days_watched(as_of = {as_of:DateTime64(6, 'UTC')}, count_imports = {count_imports:UInt8})
    )

SELECT
    model AS subject,
    'advise' AS verdict,
    format('preload: {} uses a day and rising, {} expected within the next {} minutes',
        toString(round(uses_per_day, 1)), toString(round(uses_within_horizon, 1)),
        toString(round(horizon_hours * 60))) AS reason,
    1 - exp(-uses_within_horizon) AS confidence,
    multiIf(confidence >= 0.95, 'high', confidence >= 0.75, 'medium', 'low') AS priority,
    toJSONString(CAST(
        (
            uses_per_day, slope, t_value, success_rate, load_seconds, uses_within_horizon,
            next_uses[2], next_uses[1], next_uses[3], last_used_at
        ),
        'Tuple(
            uses_per_day Float64, slope_per_day Float64, t_value Float64, success_rate Nullable(Float64),
            load_seconds Float64, expected_uses Float64,
            next_use_at Nullable(DateTime64(0, \'UTC\')), next_use_from Nullable(DateTime64(0, \'UTC\')),
            next_use_until Nullable(DateTime64(0, \'UTC\')), last_used_at DateTime64(0, \'UTC\')
        )'
    )) AS evidence,
    {since:DateTime64(6, 'UTC')} AS window_since,
    {until:DateTime64(6, 'UTC')} AS window_until,
    {as_of:DateTime64(6, 'UTC')} + toIntervalSecond(toInt64(horizon_hours * 3600)) AS expires_at
FROM expected
CROSS JOIN run
WHERE run.refusal = ''
    AND uses_per_day > {min_uses_per_day:Float64}
    AND t_value > 2.479
    AND success_rate > {min_success_rate:Float64}
    AND 1 - exp(-uses_within_horizon) >= {min_probability:Float64}
UNION ALL
SELECT
    '*',
    'refused',
    run.refusal,
    NULL,
    '',
    toJSONString(CAST(tuple(run.watched_days), 'Tuple(watched_days UInt64)')),
    {since:DateTime64(6, 'UTC')},
    {until:DateTime64(6, 'UTC')},
    {as_of:DateTime64(6, 'UTC')} + INTERVAL 1 DAY
FROM run
WHERE run.seen_at IS NOT NULL AND run.refusal != ''
