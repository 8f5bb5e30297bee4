-- The figures of a window, grouped one way: by subject, operation, day (UTC), hour_of_day (UTC), or as a total.
-- operation is the one to count; '' counts every operation, which only the grouping by operation tells apart.
-- Outcomes are disjoint. An unfinished operation is in flight until abandoned_after_seconds before as_of, abandoned
-- from then on. Rates leave out what was cancelled and what is still in flight; null means there was nothing to rate.
-- Durations are of finished operations, cancelled ones excluded; quantiles are nearest rank over log buckets, within
-- 1.1 %. finest is 'day', or 'hour' where the hour matters.
-- Grain: one row per key.
-- Reads: usage_figures
-- Read by: the views of usage/, the advice jobs
WITH
    sums AS (
        SELECT
            if({by:String} = 'subject', f.name::String,
                if({by:String} = 'operation', f.operation::String,
                    if({by:String} = 'day', toString(toDate(f.bucket)),
                        if({by:String} = 'hour_of_day', leftPad(toString(toHour(f.bucket)), 2, '0'), '')))) AS key,
            sum(f.operations) AS total,
            uniqExact(f.name) AS subjects,
            sum(f.successes) AS successes,
            sum(f.partial_successes) AS partial_successes,
            sum(f.failures) AS failed,
            sum(f.errors) AS errors,
            sum(f.cancellations) AS cancelled,
            sum(length(f.unfinished_starts)) AS unfinished,
            sum(arrayCount(
                started -> started <= {as_of:DateTime64(6, 'UTC')}
                    - toIntervalMicrosecond(toInt64({abandoned_after_seconds:Float64} * 1e6)),
                f.unfinished_starts
            )) AS abandoned,
            sum(f.cold_starts) AS cold_starts,
            sum(f.durations) AS durations,
            sum(f.duration_sum_us) AS duration_sum_us,
            sum(f.duration_squares_us2) AS duration_squares_us2,
            minIf(f.duration_min_us, f.durations > 0) AS duration_min_us,
            max(f.duration_max_us) AS duration_max_us,
            sumMap(f.duration_histogram) AS histogram,
            sum(f.input_tokens) AS input_tokens,
            sum(f.output_tokens) AS output_tokens,
            sum(f.moved_bytes) AS moved_bytes,
            max(f.size_bytes) AS size_bytes,
            sum(f.qualities) AS qualities,
            sum(f.quality_sum_ppm) AS quality_sum_ppm,
            min(f.first_at) AS first_used_at,
            max(f.last_at) AS last_used_at,
            groupBitmapMerge(f.users) + length(groupUniqArrayArray(f.unnumbered_users)) AS users
        FROM usage_figures(
            kind = {kind:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = {finest:String}
        ) AS f
        WHERE {operation:String} = '' OR f.operation = {operation:String}
        GROUP BY key
    ),

    -- rank of a percentile in whole numbers, so that no rounding moves it
    quantiles AS (
        SELECT
            *,
            arrayCumSum(mapValues(histogram)) AS cumulated,
            arrayMap(
                percent -> mapKeys(histogram)[
                    arrayFirstIndex(reached -> reached >= intDiv(durations * percent + 99, 100), cumulated)
                ],
                [50, 95, 99]
            ) AS slots,
            arrayMap(slot -> if(slot = -32768, 0, pow(2, (slot + 0.5) / 32) / 1000), slots) AS quantiles_ms,
            total - cancelled - (unfinished - abandoned) AS rated
        FROM sums
    )

SELECT
    key,
    total AS operations,
    subjects,
    successes,
    partial_successes,
    failed,
    errors,
    failed + errors AS failures,
    cancelled,
    abandoned,
    unfinished - abandoned AS in_flight,
    if(rated = 0, NULL, (successes + partial_successes / 2) / rated) AS success_rate,
    if(rated = 0, NULL, (errors + abandoned) / rated) AS error_rate,
    users,
    durations,
    if(durations = 0, NULL, duration_sum_us / durations / 1000) AS mean_ms,
    if(durations = 0, NULL, quantiles_ms[1]) AS p50_ms,
    if(durations = 0, NULL, quantiles_ms[2]) AS p95_ms,
    if(durations = 0, NULL, quantiles_ms[3]) AS p99_ms,
    if(durations = 0, NULL, duration_min_us / 1000) AS min_ms,
    if(durations = 0, NULL, duration_max_us / 1000) AS max_ms,
    if(
        durations < 2,
        NULL,
        sqrt(
            toFloat64(toUInt256(durations) * duration_squares_us2 - toUInt256(duration_sum_us) * duration_sum_us)
            / (toFloat64(durations) * (durations - 1))
        ) / 1000
    ) AS stddev_ms,
    duration_sum_us / 1000 AS total_ms,
    cold_starts,
    input_tokens,
    output_tokens,
    moved_bytes,
    size_bytes,
    if(qualities = 0, NULL, quality_sum_ppm / qualities / 1e6) AS mean_quality,
    first_used_at,
    last_used_at
FROM quantiles
