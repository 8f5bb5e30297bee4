-- Whether quality and speed move within a window: a line through the means of its days, each day weighing as many
-- operations as its mean is of (weighted least squares). trend: a two-sided t test of the slope, the spread of the days
-- about the line taken as it is found, t made normal as by Wallace 1959; significant above a confidence of 0.96, as for
-- use. Quality is what operations said themselves, else how they were evaluated afterwards.
-- Under three days with something to say nothing is said. Days begin at midnight in UTC; parts of days count.
-- Grain: one row per subject of the kind with a judged or a finished operation, or for the one asked for.
-- Reads: usage_named_figures, evaluated_quality
-- Read by: stats quality-trends
WITH
    said AS (
        SELECT name, bucket, told.1 AS fact, told.2 AS many, told.3 AS total, told.4 AS scale
        FROM usage_named_figures(
            kind = {kind:String},
            operation = {operation:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = 'day'
        )
        ARRAY JOIN [
            ('quality', sums.qualities, sums.quality_sum_ppm, 1e6), ('ms', sums.durations, sums.duration_sum_us, 1e3)
        ] AS told
        UNION ALL
        SELECT subject, hour, 'quality', evaluated, evaluated_sum_ppm, 1e6
        FROM evaluated_quality(
            kind = {kind:String},
            operation = {operation:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {until:DateTime64(6, 'UTC')},
            abandoned_after_seconds = 0
        )
    ),

    by_day AS (
        SELECT
            name,
            fact,
            intDiv(toInt64(toUnixTimestamp(bucket)), 86400) - intDiv(toUnixTimestamp64Micro(
                {since:DateTime64(6, 'UTC')}), 86400000000) AS day,
            toFloat64(sum(many)) AS n,
            toFloat64(sum(total)) / n / scale AS mean
        FROM said
        WHERE many > 0 AND ({subject:String} = '' OR name = {subject:String})
        GROUP BY name, fact, scale, day
    ),

    sums AS (
        SELECT
            name,
            fact,
            count() AS days,
            sum(n) AS of_all,
            sum(n * mean) / of_all AS middle,
            sum(n * day) / of_all AS middle_day,
            sum(n * day * day) AS day_squares,
            sum(n * day * mean) AS products,
            sum(n * mean * mean) AS squares
        FROM by_day
        GROUP BY name, fact
    ),

    deviations AS (
        SELECT
            name,
            fact,
            days,
            of_all,
            middle,
            day_squares - of_all * middle_day * middle_day AS sxx,
            products - of_all * middle_day * middle AS sxy,
            squares - of_all * middle * middle AS syy
        FROM sums
    ),

    slopes AS (
        SELECT
            name,
            fact,
            of_all,
            middle,
            sxx,
            if(days < 3, NULL, sxy / sxx) AS slope,
            -- no spread but rounding's is none
            greatest(syy - sxy * sxy / sxx, 1e-12 * of_all * middle * middle, 1e-300) AS spread,
            toFloat64(days) - 2 AS freedom
        FROM deviations
    ),

    tested AS (
        SELECT name, fact, of_all, middle, slope, freedom, slope / sqrt(spread / freedom / sxx) AS t_value
        FROM slopes
    ),

    lines AS (
        SELECT
            name,
            fact,
            of_all,
            middle,
            slope,
            1 - erfc(
                (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log(1 + t_value * t_value / freedom)) / sqrt(2)
            ) AS confidence,
            multiIf(
                isNull(slope), NULL,
                NOT coalesce(confidence > 0.96, false), 'steady',
                slope > 0, 'rising',
                'falling'
            ) AS trend
        FROM tested
    )

SELECT
    name AS subject,
    toUInt64(maxIf(of_all, fact = 'quality')) AS judged,
    if(judged = 0, NULL, maxIf(middle, fact = 'quality')) AS mean_quality,
    anyIf(slope, fact = 'quality') AS quality_slope_per_day,
    anyIf(confidence, fact = 'quality') AS quality_confidence,
    nullIf(transform(anyIf(trend, fact = 'quality'), ['rising', 'falling'], ['improving', 'worsening'], 'steady'),
        if(isNull(quality_slope_per_day), 'steady', '')) AS quality_trend,
    toUInt64(maxIf(of_all, fact = 'ms')) AS durations,
    if(durations = 0, NULL, maxIf(middle, fact = 'ms')) AS mean_ms,
    anyIf(slope, fact = 'ms') AS ms_slope_per_day,
    anyIf(confidence, fact = 'ms') AS speed_confidence,
    nullIf(transform(anyIf(trend, fact = 'ms'), ['rising', 'falling'], ['slower', 'faster'], 'steady'),
        if(isNull(ms_slope_per_day), 'steady', '')) AS speed_trend
FROM lines
GROUP BY name
ORDER BY durations DESC, subject
