-- Figures counted from events: from those of whole hours (raw_hours) and of five-minute slices (raw_slices).
-- kind is a kind of subject, or '' for all of them in one pass; operation is the one to count, '' counts each.
-- grain 'slice' gives a row per slice, else per hour.
--
-- Copies of an identity (start, trace, span) collapse to one: a copy that does not count wins over those of the service
-- it speaks of - its own, or the one whose span it marks -, then a finished one over an unfinished one, then the first
-- received; what still ties is ordered by its own facts, never by luck.
-- Durations go to log buckets on OpenTelemetry's exponential grid, scale 5: a quantile read from them is within 1.1 %
-- of the nearest rank. Slot -32768 holds durations of zero. Users are bitmaps of their numbers; those that have no
-- number yet are listed by hash.
-- What ran inside another operation of its kind is an operation of its own, 'nested model.request' for example: no
-- count of requests holds it, yet it shows that a model is in use.
-- Grain: one row per kind, bucket, operation and subject.
-- Reads: usage_events, users
-- Read by: usage_figures, the roll job
SELECT
    e.kind AS kind,
    e.bucket AS bucket,
    e.operation AS operation,
    e.subject AS subject,
    CAST(
        sumTuple(tuple(
            operations, successes, partial_successes, failures, errors, cancellations, cold_starts,
            durations, duration_sum_us, duration_squares_us2,
            input_tokens, output_tokens, moved_bytes, qualities, quality_sum_ppm,
            timeouts, gate_failures, queues, queue_sum_us, load_sum_us, cost_millionths
        )),
        'Tuple(
            operations UInt64, successes UInt64, partial_successes UInt64, failures UInt64, errors UInt64,
            cancellations UInt64, cold_starts UInt64,
            durations UInt64, duration_sum_us UInt64, duration_squares_us2 UInt128,
            input_tokens UInt64, output_tokens UInt64, moved_bytes UInt64, qualities UInt64, quality_sum_ppm UInt64,
            timeouts UInt64, gate_failures UInt64, queues UInt64, queue_sum_us UInt64, load_sum_us UInt64,
            cost_millionths UInt64
        )'
    ) AS sums,
    CAST(
        minTuple(tuple(duration_min_us, first_at)),
        'Tuple(duration_min_us UInt64, first_at DateTime64(9, \'UTC\'))'
    ) AS lows,
    CAST(
        maxTuple(tuple(duration_max_us, queue_max_us, size_bytes, last_at, received_at)),
        'Tuple(
            duration_max_us UInt64, queue_max_us UInt64, size_bytes UInt64, last_at DateTime64(9, \'UTC\'),
            received_at DateTime64(3, \'UTC\')
        )'
    ) AS highs,
    groupArrayIf(e.start::DateTime64(6, 'UTC'), e.is_unfinished) AS unfinished_starts,
    -- sorted, the slots of a group are runs, and a run's length is its count: half the price of adding up maps
    -- and no lambda takes hold of the array, which the engine would copy for each of its elements
    arraySort(groupArrayIf(e.slot, e.durations > 0)) AS slots,
    arrayResize(arrayPopFront(slots), length(slots), 32767) AS next_slots,
    arrayFilter((at, slot, next) -> slot != next, arrayEnumerate(slots), slots, next_slots) AS ends,
    mapFromArrays(
        arrayFilter((slot, next) -> slot != next, slots, next_slots),
        arrayMap(count -> toUInt64(count), arrayPopFront(arrayDifference(arrayPushFront(ends, 0))))
    ) AS duration_histogram,
    groupBitmapStateIf(n.number, n.number > 0) AS users,
    groupUniqArrayIf(e.user_hash, e.user_hash != 0 AND n.number = 0) AS unnumbered_users
FROM (
    SELECT
        who.1 AS kind,
        toStartOfInterval(start, toIntervalMinute(if({grain:String} = 'slice', 5, 60)), 'UTC') AS bucket,
        multiIf(
            kind = 'instance', '',
            is_counted, operation,
            concat('nested ', operation)
        )::LowCardinality(String) AS operation,
        who.2 AS subject,
        who.3 AS user_hash,
        start,
        is_unfinished,
        1::UInt64 AS operations,
        toUInt64(outcome = 'success') AS successes,
        toUInt64(outcome = 'partial_success') AS partial_successes,
        toUInt64(outcome = 'failure') AS failures,
        toUInt64(outcome = 'error') AS errors,
        toUInt64(outcome = 'cancelled') AS cancellations,
        toUInt64(is_cold_start) AS cold_starts,
        toUInt64(isNotNull(duration_us) AND outcome != 'cancelled' AND kind != 'instance') AS durations,
        if(durations > 0, assumeNotNull(duration_us), 0) AS duration_sum_us,
        toUInt128(duration_sum_us) * duration_sum_us AS duration_squares_us2,
        if(durations > 0, duration_sum_us, 18446744073709551615) AS duration_min_us,
        duration_sum_us AS duration_max_us,
        if(duration_sum_us = 0, -32768, ceil(log2(greatest(duration_sum_us, 1)) * 32) - 1)::Int16 AS slot,
        input_tokens,
        output_tokens,
        moved_bytes,
        size_bytes,
        toUInt64(isNotNull(quality_ppm)) AS qualities,
        toUInt64(coalesce(quality_ppm, 0)) AS quality_sum_ppm,
        toUInt64(error_type = 'timeout') AS timeouts,
        toUInt64(error_type = 'quality_gate') AS gate_failures,
        toUInt64(isNotNull(queue_us)) AS queues,
        coalesce(queue_us, 0) AS queue_sum_us,
        queue_sum_us AS queue_max_us,
        toUInt64(coalesce(load_us, 0)) AS load_sum_us,
        coalesce(cost_millionths, 0) AS cost_millionths,
        start AS first_at,
        start AS last_at,
        received_at
    FROM (
        SELECT
            start, operation, outcome, is_counted, is_unfinished, error_type, received_at,
            duration_us, queue_us, is_cold_start, input_tokens, output_tokens, moved_bytes, size_bytes, quality_ppm,
            load_us, cost_millionths,
            -- a copy that counts stands before one that does not, unless the latter speaks of its service
            multiIf(
                NOT is_counted, 1,
                (start, trace_id, span_id, service) IN (
                    SELECT (c.start, c.trace_id, c.span_id, if(c.marked_service = '', c.service, c.marked_service))
                    FROM usage_events AS c
                    WHERE NOT is_counted
                        AND (
                            toStartOfHour(start) IN {raw_hours:Array(DateTime('UTC'))}
                            OR toStartOfFiveMinutes(start) IN {raw_slices:Array(DateTime('UTC'))}
                        )
                        AND start >= {since:DateTime64(6, 'UTC')}
                        AND start < {until:DateTime64(6, 'UTC')}
                ), 2,
                0
            ) AS standing,
            -- the condition of each is folded before the query runs: of the columns only those asked for are read
            arrayConcat(
                if({kind:String} IN ('', 'all'), [('all', '', user_hash)], []),
                if({kind:String} IN ('', 'model'), [('model', model::String, user_hash)], []),
                if({kind:String} IN ('', 'pattern'), [('pattern', pattern::String, user_hash)], []),
                if({kind:String} IN ('', 'project'), [('project', project::String, user_hash)], []),
                if({kind:String} IN ('', 'agent'), [('agent', agent::String, 0::UInt64)], []),
                if({kind:String} IN ('', 'context_type'), [('context_type', context_type::String, 0::UInt64)], []),
                if({kind:String} IN ('', 'file_type'), [('file_type', file_type::String, 0::UInt64)], []),
                if({kind:String} IN ('', 'error_type'), [('error_type', error_type::String, 0::UInt64)], []),
                if({kind:String} IN ('', 'service'), [('service', service::String, 0::UInt64)], []),
                -- what others tell of is no part of what a process counts of itself
                if(
                    {kind:String} IN ('', 'instance'),
                    [(
                        'instance',
                        if(source IN ('client', 'gateway', 'engine', 'separate'), '', concat(service, '\n', instance)),
                        0::UInt64
                    )],
                    []
                )
            ) AS subjects
        FROM usage_events
        WHERE (
            toStartOfHour(start) IN {raw_hours:Array(DateTime('UTC'))}
            OR toStartOfFiveMinutes(start) IN {raw_slices:Array(DateTime('UTC'))}
        )
            AND start >= {since:DateTime64(6, 'UTC')}
            AND start < {until:DateTime64(6, 'UTC')}
        ORDER BY
            start, trace_id, span_id,
            standing, is_unfinished, received_at,
            operation, outcome, subjects, duration_us, quality_ppm, is_cold_start,
            input_tokens, output_tokens, moved_bytes, size_bytes, queue_us, load_us, cost_millionths
        LIMIT 1 BY start, trace_id, span_id
    )
    ARRAY JOIN subjects AS who
    WHERE kind = 'all' OR subject != ''
) AS e
ANY LEFT JOIN users AS n ON n.user_hash = e.user_hash
WHERE {operation:String} = '' OR operation = {operation:String}
GROUP BY kind, bucket, operation, subject
