-- How likely each subject is used within the next hours: at most a day, from the window's end on.
-- What was like now in the past decides: every full hour from the window's eighth day on, of every subject used before
-- it, falls into a cell by how long the subject had not been used and by how often it is used in those hours of the day
-- (the mean of the seven days before, times level). level says how busy all subjects together were in the three hours
-- before, against the same hours of the seven days before, with 3 added to both, from a fifth to five. The chance is
-- the share of the cell that was used in time, drawn towards the share of all cells of the same idle time as if ten
-- more had gone that way: an empirical table as of Zadrozny and Elkan 2001 (binning), shrunk by an m-estimate of
-- m = 10 (Cestnik 1990).
-- Grain: one row per subject used in the window; none for a window with less than eight days before the last of which
-- the outcome is known.
-- Reads: usage_named_figures
-- Read by: stats chance
WITH
    toUnixTimestamp64Micro({until:DateTime64(6, 'UTC')}) AS until_us,
    toInt64({within_hours:UInt8}) AS within,
    intDiv(toUnixTimestamp64Micro({since:DateTime64(6, 'UTC')}) + 3599999999, 3600000000) AS begin,
    greatest(intDiv(until_us, 3600000000) - begin, 0) AS end,
    -- three hours are looked at before, in this week and in each day of the one before
    171 AS first_asked,
    [0, 0.05, 0.15, 0.5, 1, 2, 4, 8, 16, 24, 36, 48, 72, 120, 240] AS idle_edges,
    [0, 0.001, 0.15, 0.3, 0.6, 1.1, 2.2, 4.5, 10, 30] AS use_edges,

    by_hour AS (
        SELECT
            name,
            intDiv(toInt64(toUnixTimestamp(bucket)), 3600) - begin AS place,
            toInt64(sum(sums.operations)) AS operations,
            toUnixTimestamp64Micro(max(highs.last_at)::DateTime64(6, 'UTC')) AS last_us
        FROM usage_named_figures(
            kind = {kind:String},
            operation = {operation:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = 'hour'
        )
        GROUP BY name, place
        HAVING place >= 0
    ),

    -- Below, arrays go hour by hour from the first that is asked to the window's end; they are shifted, not indexed in
    -- a lambda, which would copy a whole array for each of its places.
    by_day AS (
        SELECT
            name,
            arraySort(groupArray((h.place, h.operations, h.last_us))) AS sorted,
            sorted.1 AS places,
            arrayMap((one, next) -> next - one - 1, places, arrayPushBack(arrayPopFront(places), end + 1)) AS gaps,
            arrayConcat(arrayWithConstant(places[1], toInt64(0)), arrayFlatten(arrayMap(
                (number, gap) -> arrayConcat([number], arrayWithConstant(gap, toInt64(0))), sorted.2, gaps
            ))) AS counts,
            arrayConcat(arrayWithConstant(places[1] + 1, toInt64(0)), arrayFlatten(arrayMap(
                (moment, gap) -> arrayWithConstant(gap + 1, moment), sorted.3, gaps
            ))) AS lasts,
            arrayCumSum(arrayConcat([toInt64(0)], arraySlice(counts, 1, end))) AS used,
            max(h.last_us) AS last_us
        FROM by_hour AS h
        GROUP BY name
        HAVING end >= first_asked + within
    ),

    sums AS (
        SELECT
            name,
            last_us,
            places[1] AS first_place,
            arraySlice(lasts, first_asked + 1, end - first_asked + 1) AS lasts_before,
            arrayMap((later, now) -> later - now, arraySlice(used, within + 1), arraySlice(used, 1, -within)) AS ahead,
            sumForEach(used) OVER () AS used_of_all,
            arrayMap(
                (now, before) -> now - before, arraySlice(used_of_all, 4), arraySlice(used_of_all, 1, -3)
            ) AS behind
        FROM by_day
    ),

    shifted AS (
        SELECT
            name,
            last_us,
            first_place,
            lasts_before,
            arraySlice(ahead, first_asked + 1) AS coming,
            arrayMap(
                (a, b, c, d, e, f, g) -> (a + b + c + d + e + f + g) / 7,
                arraySlice(ahead, first_asked - 23, end - first_asked + 1),
                arraySlice(ahead, first_asked - 47, end - first_asked + 1),
                arraySlice(ahead, first_asked - 71, end - first_asked + 1),
                arraySlice(ahead, first_asked - 95, end - first_asked + 1),
                arraySlice(ahead, first_asked - 119, end - first_asked + 1),
                arraySlice(ahead, first_asked - 143, end - first_asked + 1),
                arraySlice(ahead, first_asked - 167, end - first_asked + 1)
            ) AS usual,
            arrayMap(
                (now, a, b, c, d, e, f, g) -> least(greatest(
                    (now + 3) / ((a + b + c + d + e + f + g) / 7 + 3), 0.2
                ), 5),
                arraySlice(behind, first_asked - 2),
                arraySlice(behind, first_asked - 26, end - first_asked + 1),
                arraySlice(behind, first_asked - 50, end - first_asked + 1),
                arraySlice(behind, first_asked - 74, end - first_asked + 1),
                arraySlice(behind, first_asked - 98, end - first_asked + 1),
                arraySlice(behind, first_asked - 122, end - first_asked + 1),
                arraySlice(behind, first_asked - 146, end - first_asked + 1),
                arraySlice(behind, first_asked - 170, end - first_asked + 1)
            ) AS levels
        FROM sums
    ),

    features AS (
        SELECT
            name,
            last_us,
            hour.1 = -1 AS is_now,
            hour.2 AS came,
            hour.3 / 3600000000 AS idle_hours,
            hour.4 AS usual_uses,
            hour.5 AS level,
            toUInt8(arrayCount(edge -> idle_hours >= edge, idle_edges)) AS idle_bin,
            toUInt8(arrayCount(edge -> usual_uses * level >= edge, use_edges)) AS use_bin
        FROM shifted
        ARRAY JOIN arrayPushBack(
            -- the full hours whose outcome is known
            arrayFilter(
                one -> one.1 > first_place,
                arrayMap(
                    (at, later, last, uses, level) -> (at, later > 0, (begin + at) * 3600000000 - last, uses, level),
                    range(first_asked, toUInt32(greatest(end - within + 1, first_asked)))::Array(Int64),
                    coming,
                    arraySlice(lasts_before, 1, end - first_asked - within + 1),
                    arraySlice(usual, 1, end - first_asked - within + 1),
                    arraySlice(levels, 1, end - first_asked - within + 1)
                )
            ),
            (toInt64(-1), false, until_us - last_us, usual[-1], levels[-1])
        ) AS hour
    ),

    like_each AS (
        SELECT
            *,
            countIf(NOT is_now) OVER (PARTITION BY idle_bin, use_bin) AS n,
            countIf(came) OVER (PARTITION BY idle_bin, use_bin) AS k,
            countIf(NOT is_now) OVER (PARTITION BY idle_bin) AS of_idle,
            countIf(came) OVER (PARTITION BY idle_bin) AS came_of_idle
        FROM features
    )

SELECT
    name AS subject,
    (k + 10 * (came_of_idle + 0.5) / (of_idle + 5)) / (n + 10) AS chance,
    n AS times_like_now,
    k AS came_in_time,
    idle_hours,
    usual_uses,
    level,
    toDateTime64(last_us / 1000000, 6, 'UTC') AS last_used_at
FROM like_each
WHERE is_now AND ({subject:String} = '' OR name = {subject:String})
ORDER BY chance DESC, subject
