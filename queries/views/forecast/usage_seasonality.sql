-- Whether use comes and goes with the hour of the day, and with the day of the week; together (kind 'all'), for each
-- subject of a kind, or for one of them. Square roots of counts are compared, whose noise is alike however large the
-- counts are (Anscombe 1948). Days begin at midnight in UTC.
-- By the hour: each whole day of the window is foretold once by what the others had in each hour, once by their mean.
-- daily_share is the part of the squared errors that knowing the hour saves, 0 where it saves nothing; its confidence
-- is 1 - p of a t test over the days, on one side (t made normal as by Wallace 1959): hours of a day come in sessions
-- and are not independent, days nearly are.
-- By the weekday: weekly_share is the part of the variance of whole days that the weekday explains, less what it would
-- explain by chance (the adjusted R squared of the analysis of variance); its confidence is 1 - p of the F test, F made
-- normal as by Paulson 1942. It needs four whole weeks.
-- season: daily, weekly, daily and weekly where the confidence is above 0.95, else none.
-- Grain: one row per subject with use in the window's whole days; none for a window of less than seven of them.
-- Reads: usage_named_figures
-- Read by: stats seasonality
WITH
    intDiv(toUnixTimestamp64Micro({since:DateTime64(6, 'UTC')}) + 86399999999, 86400000000) AS first_day,
    greatest(intDiv(toUnixTimestamp64Micro({until:DateTime64(6, 'UTC')}), 86400000000) - first_day, 0) AS whole_days,
    intDiv(whole_days, 7) AS weeks,

    by_day AS (
        SELECT
            name,
            intDiv(at, 24) AS day,
            sumForEach(arrayMap(hour -> if(hour = at % 24, toFloat64(uses), 0), range(24))) AS counts,
            arrayMap(count -> sqrt(count), counts) AS roots,
            sqrt(arraySum(counts)) AS root
        FROM (
            SELECT
                name,
                intDiv(toInt64(toUnixTimestamp(bucket)), 3600) - 24 * first_day AS at,
                sum(sums.operations) AS uses
            FROM usage_named_figures(
                kind = {kind:String},
                operation = {operation:String},
                since = toDateTime64(intDiv(toUnixTimestamp64Micro({since:DateTime64(6, 'UTC')}) + 86399999999,
                    86400000000) * 86400, 6, 'UTC'),
                until = toDateTime64(intDiv(toUnixTimestamp64Micro({until:DateTime64(6, 'UTC')}), 86400000000) * 86400,
                    6, 'UTC'),
                finest = 'hour'
            )
            GROUP BY name, at
        )
        WHERE {subject:String} = '' OR name = {subject:String}
        GROUP BY name, day
    ),

    foretold AS (
        SELECT
            name,
            day,
            counts,
            root,
            sumForEach(roots) OVER (PARTITION BY name) AS of_hours,
            arraySum(of_hours) AS of_all,
            arraySum((one, every) -> pow(one - (every - one) / (whole_days - 1), 2), roots, of_hours) AS by_hour,
            arraySum(one -> pow(one - (of_all - arraySum(roots)) / (24 * (whole_days - 1)), 2), roots) AS by_mean,
            -- the same of a day without use
            arraySum(every -> pow(every / (whole_days - 1), 2), of_hours) AS empty_by_hour,
            24 * pow(of_all / (24 * (whole_days - 1)), 2) AS empty_by_mean
        FROM by_day
    ),

    tested AS (
        SELECT
            name,
            sumForEach(counts) AS profile,
            whole_days - count() AS empty,
            sum(by_mean) + empty * any(empty_by_mean) AS errors,
            sum(by_mean - by_hour) + empty * any(empty_by_mean - empty_by_hour) AS saved,
            sum(pow(by_mean - by_hour, 2)) + empty * pow(any(empty_by_mean - empty_by_hour), 2) AS squares,
            -- equal but for rounding is equal
            saved > 1e-9 * errors AS has_saved,
            (squares - saved * saved / whole_days) / (whole_days - 1) AS variance,
            saved / whole_days / sqrt(variance / whole_days) AS t_value,
            toFloat64(whole_days - 1) AS freedom,
            (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log(1 + t_value * t_value / freedom)) AS z_of_t,

            arrayMap(
                weekday -> arraySum(arrayFilter(
                    one -> one.1 % 7 = weekday, groupArrayIf((day, root), day < 7 * weeks)
                ).2),
                range(7)
            ) AS of_weekdays,
            arraySum(of_weekdays) AS of_weeks,
            arraySum(one -> one * one, of_weekdays) / weeks - of_weeks * of_weeks / (7 * weeks) AS between,
            sumIf(root * root, day < 7 * weeks) - of_weeks * of_weeks / (7 * weeks) AS around,
            toFloat64(7 * weeks - 7) AS within_freedom,
            around - between > 1e-9 * around AS has_rest,
            between / 6 / ((around - between) / within_freedom) AS f_value,
            ((1 - 2 / (9 * within_freedom)) * cbrt(f_value) - (1 - 2 / 54))
                / sqrt(2 / (9 * within_freedom) * pow(cbrt(f_value), 2) + 2 / 54) AS z_of_f
        FROM foretold
        GROUP BY name
        HAVING whole_days >= 7
    )

SELECT
    name AS subject,
    toUInt64(arraySum(profile)) AS operations,
    toUInt32(whole_days) AS days,
    if(has_saved, saved / errors, 0) AS daily_share,
    -- every day saves the same: there is nothing to doubt
    if(NOT has_saved, 0, if(variance <= 1e-9 * saved * saved, 1, 1 - erfc(z_of_t / sqrt(2)) / 2)) AS daily_confidence,
    if(weeks < 4, NULL, if(around = 0, 0,
        greatest(1 - (around - between) / within_freedom / (around / (7 * weeks - 1)), 0))) AS weekly_share,
    if(weeks < 4, NULL, if(around = 0, 0, if(NOT has_rest, 1, 1 - erfc(z_of_f / sqrt(2)) / 2))) AS weekly_confidence,
    multiIf(
        daily_confidence > 0.95 AND coalesce(weekly_confidence > 0.95, false), 'daily and weekly',
        daily_confidence > 0.95, 'daily',
        coalesce(weekly_confidence > 0.95, false), 'weekly',
        'none'
    ) AS season,
    toUInt8(indexOf(profile, arrayMax(profile)) - 1) AS busiest_hour,
    -- 1 January 1970 was a Thursday
    if(weeks < 4, NULL, toUInt8((indexOf(of_weekdays, arrayMax(of_weekdays)) - 1 + first_day + 3) % 7)) AS busiest_day
FROM tested
ORDER BY operations DESC, subject
