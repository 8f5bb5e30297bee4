-- How often each subject of a kind is used: in all, on average over the window's length, and on its busiest day (UTC).
-- Grain: one row per subject with use in the window.
-- Reads: usage_named_figures
-- Read by: stats frequency
WITH
    dateDiff('microsecond', {since:DateTime64(6, 'UTC')}, {until:DateTime64(6, 'UTC')}) / 8.64e10 AS days,

    by_day AS (
        SELECT
            name,
            toDate(bucket) AS day,
            sum(sums.operations) AS operations,
            groupBitmapMergeState(users) AS numbered,
            groupUniqArrayArray(unnumbered_users) AS unnumbered,
            min(lows.first_at) AS first_at,
            max(highs.last_at) AS last_at
        FROM usage_named_figures(
            kind = {kind:String},
            operation = {operation:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = 'day'
        )
        GROUP BY name, day
    )

SELECT
    name AS subject,
    sum(d.operations) AS operations,
    operations / days AS executions_per_day,
    operations / days * 7 AS executions_per_week,
    operations / days * 30 AS executions_per_month,
    groupBitmapMerge(numbered) + length(groupUniqArrayArray(unnumbered)) AS users,
    count() AS active_days,
    max(d.operations) AS peak_daily_usage,
    argMax(day, (d.operations, -toInt32(day))) AS peak_day,
    min(first_at) AS first_used_at,
    max(last_at) AS last_used_at,
    greatest(dateDiff('microsecond', last_used_at, {as_of:DateTime64(6, 'UTC')}), 0) / 3.6e9 AS hours_since_last_use
FROM by_day AS d
GROUP BY name
ORDER BY operations DESC, subject
