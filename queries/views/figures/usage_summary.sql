-- The figures of a window, grouped by subject, by operation, or together (by is ''), and cut into stretches of time
-- (per): hour, day, week (from Monday) and month by their start, hour_of_day, day_of_week (0 is Monday) and
-- hour_of_week by number, or not at all (''). zone says where days begin; in a zone of half hours an hour counts where
-- it begins.
-- operation is the one to count; '' counts every operation, which only the groupings by operation and by
-- subject_operation (each subject, and of it each operation) tell apart.
-- Outcomes are disjoint. An unfinished operation is in flight until abandoned_after_seconds before as_of, abandoned
-- from then on. Rates leave out what was cancelled and what is still in flight; null means there was nothing to rate.
-- Durations are of finished operations, cancelled ones excluded; quantiles are nearest rank over log buckets, within
-- 1.1 %, the rank in whole numbers so that no rounding moves it. finest is 'week', or 'day' or 'hour' where
-- per needs these. Subjects go by their names.
-- Grain: one row per key, of_operation ('' but for subject_operation), period and slot.
-- Reads: usage_named_figures
-- Read by: the views of usage/, the advice jobs
SELECT
    key,
    of_operation,
    period,
    slot,
    s.operations AS operations,
    subjects,
    s.successes AS successes,
    s.partial_successes AS partial_successes,
    s.failures AS failed,
    s.errors AS errors,
    failed + errors AS failures,
    s.cancellations AS cancelled,
    abandoned,
    unfinished - abandoned AS in_flight,
    operations - cancelled - in_flight AS rated,
    if(rated = 0, NULL, (successes + partial_successes / 2) / rated) AS success_rate,
    if(rated = 0, NULL, (errors + abandoned) / rated) AS error_rate,
    users,
    s.durations AS durations,
    if(durations = 0, NULL, s.duration_sum_us / durations / 1000) AS mean_ms,
    arrayCumSum(mapValues(histogram)) AS cumulated,
    arrayMap(
        percent -> mapKeys(histogram)[
            arrayFirstIndex(reached -> reached >= intDiv(durations * percent + 99, 100), cumulated)
        ],
        [50, 95, 99]
    ) AS slots,
    arrayMap(slot -> if(slot = -32768, 0, pow(2, (slot + 0.5) / 32) / 1000), slots) AS quantiles_ms,
    if(durations = 0, NULL, quantiles_ms[1]) AS p50_ms,
    if(durations = 0, NULL, quantiles_ms[2]) AS p95_ms,
    if(durations = 0, NULL, quantiles_ms[3]) AS p99_ms,
    if(durations = 0, NULL, l.duration_min_us / 1000) AS min_ms,
    if(durations = 0, NULL, h.duration_max_us / 1000) AS max_ms,
    if(
        durations < 2,
        NULL,
        sqrt(
            toFloat64(toUInt256(durations) * s.duration_squares_us2 - toUInt256(s.duration_sum_us) * s.duration_sum_us)
            / (toFloat64(durations) * (durations - 1))
        ) / 1000
    ) AS stddev_ms,
    s.duration_sum_us / 1000 AS total_ms,
    s.cold_starts AS cold_starts,
    s.input_tokens AS input_tokens,
    s.output_tokens AS output_tokens,
    s.moved_bytes AS moved_bytes,
    h.size_bytes AS size_bytes,
    s.timeouts AS timeouts,
    s.gate_failures AS quality_gate_failures,
    s.qualities AS judged,
    s.quality_sum_ppm AS quality_sum_ppm,
    if(judged = 0, NULL, quality_sum_ppm / judged / 1e6) AS mean_quality,
    if(s.queues = 0, NULL, s.queue_sum_us / s.queues / 1000) AS mean_queue_ms,
    if(s.queues = 0, NULL, h.queue_max_us / 1000) AS max_queue_ms,
    s.load_sum_us / 1000 AS waited_for_loads_ms,
    s.cost_millionths / 1e6 AS cost,
    l.first_at AS first_used_at,
    h.last_at AS last_used_at
FROM (
    WITH toTimeZone(bucket, {zone:String}) AS there
    SELECT
        if({by:String} IN ('subject', 'subject_operation'), name,
            if({by:String} = 'operation', operation::String, '')) AS key,
        if({by:String} = 'subject_operation', operation::String, '') AS of_operation,
        if({per:String} = 'hour', there,
            if({per:String} = 'day', toStartOfDay(there),
                if({per:String} = 'week', toDateTime(toStartOfWeek(there, 1), {zone:String}),
                    if({per:String} = 'month', toDateTime(toStartOfMonth(there), {zone:String}),
                        toDateTime(0, {zone:String})))))::DateTime('UTC') AS period,
        if({per:String} = 'hour_of_day', toHour(there),
            if({per:String} = 'day_of_week', toDayOfWeek(there) - 1,
                if({per:String} = 'hour_of_week', (toDayOfWeek(there) - 1) * 24 + toHour(there), 0)))::UInt8 AS slot,
        uniqExact(name) AS subjects,
        sumTuple(sums) AS s,
        minTuple(lows) AS l,
        maxTuple(highs) AS h,
        sum(length(unfinished_starts)) AS unfinished,
        sum(arrayCount(
            started -> started <= {as_of:DateTime64(6, 'UTC')}
                - toIntervalMicrosecond(toInt64({abandoned_after_seconds:Float64} * 1e6)),
            unfinished_starts
        )) AS abandoned,
        sumMap(duration_histogram) AS histogram,
        groupBitmapMerge(f.users) + length(groupUniqArrayArray(unnumbered_users)) AS users
    FROM usage_named_figures(
        kind = {kind:String},
        operation = {operation:String},
        since = {since:DateTime64(6, 'UTC')},
        until = {until:DateTime64(6, 'UTC')},
        finest = {finest:String}
    ) AS f
    GROUP BY key, of_operation, period, slot
)
