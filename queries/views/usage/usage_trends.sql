-- Whether the use of each subject grows: a line through the counts of its days, and how sure it is; through its hours
-- where the window is shorter than three days.
-- velocity is the slope of least squares, in operations per day and day (or hour and hour); acceleration the slope of
-- the newer half less that of the older; the middle one of an odd number of days is in neither half. growth_percentage
-- holds the newer half against the older. adoption_rate is users first seen in the newer half, per week of it;
-- retention_rate the share of the older half's users seen again in the newer.
-- confidence_score is 1 - p of the slope: quasi-Poisson, the dispersion estimated from what the line leaves and at
-- least 1 (McCullagh and Nelder 1989, chapter 6), t made normal (Wallace 1959). trend_type, the first that fits:
-- abandoned (use in the older half, none in the newer), emerging (first use in the newest third, fewer than 10
-- operations), growing or declining (p < 0.04), stable. seed_trend_type goes by fixed limits of the slope alone.
-- Null where there is nothing to say.
-- Grain: one row per subject with use in whole days (or hours) of the window.
-- Reads: trend_of_counts
-- Read by: stats trends
WITH
    lines AS (
        SELECT
            name,
            toInt128(buckets) AS n,
            toInt128(half) AS h,
            t.operations AS total,
            older,
            newer,
            first_used,
            intDiv(n * n * (n * n - 1), 12) AS sxx,
            n * weighted - intDiv(n * (n - 1), 2) * total AS sxy,
            n * squares - total * total AS syy,
            if(n < 2, NULL, toFloat64(sxy) / toFloat64(sxx)) AS velocity,
            toFloat64(intDiv(h * h * (h * h - 1), 12)) AS half_sxx,
            if(h < 2, NULL, toFloat64(h * newer_weighted - intDiv(h * (h - 1), 2) * newer) / half_sxx
                - toFloat64(h * older_weighted - intDiv(h * (h - 1), 2) * older) / half_sxx) AS acceleration,
            if(n < 3, NULL, greatest(1, toFloat64(toInt256(syy) * sxx - toInt256(sxy) * sxy) / toFloat64(sxx)
                / toFloat64(n - 2) / toFloat64(total))) AS dispersion,
            toFloat64(n - 2) AS freedom,
            velocity / sqrt(dispersion * toFloat64(total) / toFloat64(sxx)) AS t_value,
            (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log(1 + t_value * t_value / freedom)) AS z_value,
            1 - erfc(z_value / sqrt(2)) AS confidence_score,
            older_users,
            kept_users,
            new_users
        FROM trend_of_counts(
            kind = {kind:String},
            operation = {operation:String},
            width = if(dateDiff('microsecond', {since:DateTime64(6, 'UTC')}, {until:DateTime64(6, 'UTC')})
                < 259200000000, 3600, 86400),
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')}
        ) AS t
    )

SELECT
    name AS subject,
    toUInt64(total) AS operations,
    if(dateDiff('microsecond', {since:DateTime64(6, 'UTC')}, {until:DateTime64(6, 'UTC')}) < 259200000000,
        'hour', 'day') AS bucket,
    toUInt32(n) AS buckets,
    multiIf(
        older > 0 AND newer = 0, 'abandoned',
        total < 10 AND 3 * first_used >= 2 * n, 'emerging',
        coalesce(confidence_score > 0.96, false) AND velocity > 0, 'growing',
        coalesce(confidence_score > 0.96, false), 'declining',
        'stable'
    ) AS trend_type,
    velocity,
    acceleration,
    if(older = 0, NULL, 100 * toFloat64(newer - older) / toFloat64(older)) AS growth_percentage,
    if(h = 0, NULL, new_users / (toFloat64(h) / if(bucket = 'day', 7, 168))) AS adoption_rate,
    if(older_users = 0, NULL, kept_users / older_users) AS retention_rate,
    1 - retention_rate AS churn_rate,
    confidence_score,
    multiIf(
        velocity < -2 AND total < 5, 'abandoned',
        total < 10, 'emerging',
        velocity > 0.5, 'growing',
        velocity < -0.5, 'declining',
        'stable'
    ) AS seed_trend_type
FROM lines
ORDER BY operations DESC, subject
