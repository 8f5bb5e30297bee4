-- How the use of each subject moves: counts of whole days (width 86400) or whole hours (3600) of the window, by their
-- number from 0, and what a line through them needs. Parts of a day at the window's ends are left out: they would bend
-- it. The counts add up in whole numbers, so that no order of adding moves a figure.
-- Grain: one row per subject with use.
-- Reads: usage_named_figures
-- Read by: usage_trends
WITH
    toInt64({width:UInt32}) * 1000000 AS width_us,
    intDiv(toUnixTimestamp64Micro({since:DateTime64(6, 'UTC')}) + width_us - 1, width_us) AS first,
    greatest(intDiv(toUnixTimestamp64Micro({until:DateTime64(6, 'UTC')}), width_us) - first, 0) AS n,
    intDiv(n, 2) AS half,

    counts AS (
        SELECT
            name,
            intDiv(toInt64(toUnixTimestamp(bucket)), toInt64({width:UInt32})) - first AS i,
            toInt128(sum(sums.operations)) AS y,
            groupBitmapMergeState(users) AS numbered,
            groupUniqArrayArray(unnumbered_users) AS unnumbered
        FROM usage_named_figures(
            kind = {kind:String},
            operation = {operation:String},
            since = toDateTime64(intDiv(toUnixTimestamp64Micro({since:DateTime64(6, 'UTC')}) + toInt64({width:UInt32})
                * 1000000 - 1, toInt64({width:UInt32}) * 1000000) * toInt64({width:UInt32}), 6, 'UTC'),
            until = toDateTime64(intDiv(toUnixTimestamp64Micro({until:DateTime64(6, 'UTC')}), toInt64({width:UInt32})
                * 1000000) * toInt64({width:UInt32}), 6, 'UTC'),
            finest = if({width:UInt32} = 3600, 'hour', 'day')
        )
        GROUP BY name, i
    )

SELECT
    name,
    n AS buckets,
    half,
    sum(y) AS operations,
    sum(y * i) AS weighted,
    sum(y * y) AS squares,
    sumIf(y, i < half) AS older,
    sumIf(y * i, i < half) AS older_weighted,
    sumIf(y, i >= n - half) AS newer,
    sumIf(y * (i - n + half), i >= n - half) AS newer_weighted,
    min(i) AS first_used,
    groupBitmapMergeIf(numbered, i < half)
        + length(groupUniqArrayArrayIf(unnumbered, i < half) AS older_unnumbered) AS older_users,
    bitmapAndCardinality(
        groupBitmapMergeStateIf(numbered, i < half),
        groupBitmapMergeStateIf(numbered, i >= n - half)
    ) + length(arrayIntersect(
        older_unnumbered,
        groupUniqArrayArrayIf(unnumbered, i >= n - half) AS newer_unnumbered
    )) AS kept_users,
    groupBitmapMergeIf(numbered, i >= n - half) + length(newer_unnumbered) - kept_users AS new_users
FROM counts
GROUP BY name
