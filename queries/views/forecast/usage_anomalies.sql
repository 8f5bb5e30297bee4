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

    past AS (
        SELECT
            name,
            mapFromArrays(groupArray(b.place), groupArray(toFloat64(b.operations))) AS seen,
            greatest(min(b.place), 0) AS first,
            arrayMap(at -> seen[toInt64(at)], range(toUInt32(greatest(end - oldest, 0)))) AS counts,
            range(
                toUInt32(least(greatest(judged_from - oldest, first + 672), greatest(end - oldest, 0))),
                toUInt32(greatest(end - oldest, 0))
            ) AS judged,
            arrayMap(
                at -> arraySort(arrayMap(
                    before -> counts[before + 1],
                    arrayFilter(
                        before -> before >= first,
                        arrayFlatten(arrayMap(
                            week -> [at - 168 * week - 1, at - 168 * week, at - 168 * week + 1], range(1, 9)
                        ))
                    )
                )),
                judged
            ) AS bases,
            arrayMap(
                base -> arraySum(arraySlice(base, 2, length(base) - 2)) / (length(base) - 2) + 1 / length(base), bases
            ) AS means,
            arraySort(arrayMap((at, mean) -> pow(counts[at + 1] - mean, 2), judged, means)) AS left_over,
            if(empty(judged), 1, greatest(
                1,
                arrayAvg(arraySlice(left_over, 1, greatest(intDiv(length(left_over) * 99, 100), 1))) / arrayAvg(means)
            )) AS dispersion
        FROM by_hour AS b
        WHERE {subject:String} = '' OR name = {subject:String}
        GROUP BY name
    )

SELECT
    name AS subject,
    toDateTime64((one.1 + oldest) * 3600, 6, 'UTC') AS begin_at,
    toUInt64(counts[one.1 + 1]) AS operations,
    one.2 AS expected,
    if(operations > expected,
        (sqrt(dispersion * expected + 4 * dispersion / 3 * (operations - expected + dispersion / 3))
            - sqrt(dispersion * expected)) / (2 * dispersion / 3),
        (operations - expected) / sqrt(dispersion * expected)) AS score,
    if(score > 0, 'more', 'less') AS direction
FROM past
ARRAY JOIN arrayZip(judged, means) AS one
WHERE one.1 + oldest >= begin AND abs(score) >= {anomaly_min_score:Float64}
ORDER BY begin_at, subject
