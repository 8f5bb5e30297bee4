-- Hours that are out of the ordinary: far more or far less use than in the same hour of the week, and the hours beside
-- it, in the eight weeks before; together (kind 'all'), for each subject of a kind, or for one of them.
-- expected is the mean of those, the least and the largest left out, plus one n-th. The subject's over-dispersion d is
-- read from what is left over in the last four weeks or in the window, the largest hundredth left out; it is at least
-- 1. score is the distance in standard deviations, for more use than expected made normal by the skewness of a gamma
-- mixture (Cornish and Fisher 1938): the s where operations = m + s sqrt(d m) + d (s^2 - 1) / 3. Hours less than four
-- weeks after a subject's first use in the twelve weeks that are looked at are not judged. With 4 steady
-- series of any mean have less than one false alarm a month.
-- Grain: one row per subject and hour whose score is anomaly_min_score or more, either way.
-- Reads: usage_named_figures
-- Read by: stats anomalies
WITH
    intDiv(toUnixTimestamp64Micro({since:DateTime64(6, 'UTC')}) + 3599999999, 3600000000) AS begin,
    intDiv(toUnixTimestamp64Micro({until:DateTime64(6, 'UTC')}), 3600000000) AS end,
    least(begin, end - 672) AS judged_from,
    judged_from - 1344 AS oldest,

    by_hour AS (
        SELECT
            name,
            intDiv(toInt64(toUnixTimestamp(bucket)), 3600) - oldest AS place,
            sum(sums.operations) AS operations
        FROM usage_named_figures(
            kind = {kind:String},
            operation = {operation:String},
            since = least({since:DateTime64(6, 'UTC')}, {until:DateTime64(6, 'UTC')} - toIntervalDay(28))
                - toIntervalDay(57),
            until = {until:DateTime64(6, 'UTC')},
            finest = 'hour'
        )
        GROUP BY name, place
    ),

    -- Below, arrays go hour by hour; they are cut and put beside each other, not indexed in a lambda, which would copy
    -- a whole array for each of its places.
    counted AS (
        SELECT
            name,
            toUInt32(end - oldest) AS hours,
            greatest(min(b.place), 0) AS first,
            arraySort(groupArrayIf((b.place, toFloat64(b.operations)), b.place >= 0 AND b.place < hours)) AS used
        FROM by_hour AS b
        WHERE {subject:String} = '' OR name = {subject:String}
        GROUP BY name
    ),

    hour_by_hour AS (
        SELECT
            name,
            first,
            hours,
            used.1 AS places,
            arrayMap(
                (one, next) -> next - one - 1, places, arrayPushBack(arrayPopFront(places), toInt64(hours))
            ) AS gaps,
            arrayConcat(
                arrayWithConstant(if(empty(places), hours, places[1]), 0.),
                arrayFlatten(arrayMap(
                    (number, gap) -> arrayConcat([number], arrayWithConstant(gap, 0.)), used.2, gaps
                ))
            ) AS counts,
            least(greatest(judged_from - oldest, first + 672), hours) AS judged_first
        FROM counted
    ),

    beside AS (
        SELECT
            name,
            judged_first,
            hours - judged_first AS judged_hours,
            arraySlice(counts, judged_first + 1, judged_hours) AS judged,
            -- what is before the first use tells nothing; one more, so that the earliest hour beside another is there
            arrayConcat(arrayWithConstant(first + 1, NULL), arraySlice(counts, first + 1)) AS known,
            arrayMap(
                lag -> arraySlice(known, judged_first - lag + 2, judged_hours),
                arrayFlatten(arrayMap(week -> [168 * week - 1, 168 * week, 168 * week + 1], range(1, 9)))
            ) AS bases
        FROM hour_by_hour
    ),

    expecting AS (
        SELECT
            name,
            judged_first,
            judged,
            arrayMap(
                (total, least_one, largest, size) ->
                    assumeNotNull(total - least_one - largest) / (size - 2) + 1 / size,
                arrayReduce('sumForEach', bases),
                arrayReduce('minForEach', bases),
                arrayReduce('maxForEach', bases),
                arrayReduce('countForEach', bases)
            ) AS means
        FROM beside
    ),

    past AS (
        SELECT
            name,
            judged_first,
            judged,
            means,
            arraySort(arrayMap((operations, mean) -> pow(operations - mean, 2), judged, means)) AS left_over,
            if(empty(judged), 1, greatest(
                1,
                arrayAvg(arraySlice(left_over, 1, greatest(intDiv(length(left_over) * 99, 100), 1))) / arrayAvg(means)
            )) AS dispersion
        FROM expecting
    )

SELECT
    name AS subject,
    toDateTime64((one.1 + judged_first - 1 + oldest) * 3600, 6, 'UTC') AS begin_at,
    toUInt64(one.2) AS operations,
    one.3 AS expected,
    if(operations > expected,
        (sqrt(dispersion * expected + 4 * dispersion / 3 * (operations - expected + dispersion / 3))
            - sqrt(dispersion * expected)) / (2 * dispersion / 3),
        (operations - expected) / sqrt(dispersion * expected)) AS score,
    if(score > 0, 'more', 'less') AS direction
FROM past
ARRAY JOIN arrayZip(arrayEnumerate(judged), judged, means) AS one
WHERE one.1 + judged_first - 1 + oldest >= begin AND abs(score) >= {anomaly_min_score:Float64}
ORDER BY begin_at, subject
