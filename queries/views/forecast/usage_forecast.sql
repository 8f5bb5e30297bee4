-- The seven days after a window by hour, each hour with an interval that four of five fall into; together (kind 'all'),
-- for each subject of a kind, or for one of them.
-- An hour to come is like the same hour of the past weeks, where the window has four whole ones (hour_of_week), else
-- like the same hour of the past days, two at least (hour_of_day). Past counts of that hour and of its two neighbours
-- are put in order; the next one is as likely in each of the n + 1 gaps between them, so that the places a tenth and
-- nine tenths of n + 1 bound it with a chance of four fifths (split conformal prediction: Vovk, Gammerman and Shafer
-- 2005, chapter 2). At most seven days or eight weeks count; a week counts in proportion to the last two. The pure
-- reducer does the same.
-- Grain: one row per subject and hour; none for a subject without use, or a window of less than two whole days.
-- Reads: usage_named_figures
-- Read by: stats forecast
WITH
    toUnixTimestamp64Micro({until:DateTime64(6, 'UTC')}) AS until_us,
    intDiv(toUnixTimestamp64Micro({since:DateTime64(6, 'UTC')}) + 3599999999, 3600000000) AS begin,
    intDiv(until_us, 3600000000) AS end,
    intDiv(until_us + 3599999999, 3600000000) AS first,
    intDiv(end - begin, 168) >= 4 AS is_weekly,
    if(is_weekly, 168, 24) AS cycle,
    if(is_weekly, least(intDiv(end - begin, 168), 8), least(intDiv(end - begin, 24), 7)) AS rounds,
    end - cycle * rounds AS oldest,

    by_hour AS (
        SELECT
            name,
            intDiv(toInt64(toUnixTimestamp(bucket)), 3600) AS hour,
            sum(sums.operations) AS operations
        FROM usage_named_figures(
            kind = {kind:String},
            operation = {operation:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = 'hour'
        )
        GROUP BY name, hour
    ),

    past AS (
        SELECT
            name,
            mapFromArrays(groupArray(b.hour), groupArray(b.operations)) AS seen,
            arrayMap(at -> toFloat64(seen[oldest + at]), range(toUInt32(greatest(cycle * rounds, 0)))) AS counts,
            arrayMap(
                week -> arraySum(arraySlice(counts, week * 168 + 1, 168)), range(toUInt32(if(is_weekly, rounds, 0)))
            ) AS weeks,
            (arrayElement(weeks, -1) + arrayElement(weeks, -2)) / 2 AS of_late,
            if(is_weekly,
                arrayMap(total -> (of_late + 10) / (total + 10), weeks),
                arrayMap(day -> 1., range(toUInt32(greatest(rounds, 0))))) AS factors,
            arrayMap(
                (operations, at) -> operations * factors[intDiv(at - 1, cycle) + 1], counts, arrayEnumerate(counts)
            ) AS levelled
        FROM by_hour AS b
        WHERE {subject:String} = '' OR name = {subject:String}
        GROUP BY name
        HAVING intDiv(end - begin, 24) >= 2 AND sum(b.operations) > 0
    ),

    ahead AS (
        SELECT
            name,
            first + number AS hour,
            (first + number - oldest) % cycle AS place,
            arrayMap(period -> levelled[period * cycle + place + 1], range(toUInt32(rounds))) AS same,
            -- a neighbour weighs as the hour it stands beside
            arraySort(arrayFlatten(arrayMap(
                period -> arrayMap(
                    at -> counts[at + 1] * factors[period + 1],
                    arrayFilter(
                        at -> at >= 0 AND at < cycle * rounds,
                        arrayMap(step -> period * cycle + place + step, [-1, 0, 1])
                    )
                ),
                range(toUInt32(rounds))
            ))) AS near,
            length(near) AS n,
            arrayMap(
                tenths -> multiIf(
                    tenths * (n + 1) < 10, 0,
                    intDiv(tenths * (n + 1), 10) >= n, near[n],
                    near[intDiv(tenths * (n + 1), 10)]
                        + (near[intDiv(tenths * (n + 1), 10) + 1] - near[intDiv(tenths * (n + 1), 10)])
                        * (tenths * (n + 1) % 10) / 10
                ),
                [1, 9]
            ) AS bounds,
            ceil(bounds[1]) <= floor(bounds[2]) AS holds_a_number
        FROM past
        CROSS JOIN numbers(168) AS number
    )

SELECT
    name AS subject,
    toDateTime64(hour * 3600, 6, 'UTC') AS begin_at,
    arrayAvg(same) AS expected,
    toUInt64(if(holds_a_number, ceil(bounds[1]), floor(bounds[1]))) AS low,
    toUInt64(if(holds_a_number, floor(bounds[2]), ceil(bounds[2]))) AS high,
    if(is_weekly, 'hour_of_week', 'hour_of_day') AS basis,
    toUInt8(rounds) AS periods
FROM ahead
ORDER BY subject, begin_at
