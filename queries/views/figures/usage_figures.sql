-- Everything known of a window, cut into buckets: rolled days, rolled hours, and hours counted from their events.
-- The one source of every statistic, and of the rolls: what a roll stores is what was read before it, so an answer is
-- the same before and after.
--
-- Copies of an identity (start, trace, span) collapse to one: a copy that does not count wins, then a finished one over
-- an unfinished one, then the first received; what still ties is ordered by its own facts, never by luck.
-- Durations go to log buckets on OpenTelemetry's exponential grid, scale 5: a quantile read from them is within 1.1 %
-- of the nearest rank. Slot -32768 holds durations of zero. Users are bitmaps of their numbers; those that have no
-- number yet are listed by hash. name is the subject after aliases, subject what was said.
-- finest is 'day', or 'hour' where the hour of each operation matters.
-- What ran inside another operation of its kind is an operation of its own, 'nested model.request' for example: no
-- count of requests holds it, yet it shows that a model is in use.
-- Grain: one row per bucket, operation and subject.
-- Reads: usage_cover, usage_rolls, usage_events, users, aliases
-- Read by: usage_summary, users_by_day, the roll and advice jobs
WITH
    (
        SELECT (groupArrayIf((source, bucket), source != 'raw'), groupArrayIf(bucket, source = 'raw'))
        FROM usage_cover(
            kind = {kind:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = {finest:String}
        )
    ) AS cover,

    (
        SELECT (groupArray(alias), groupArray(name))
        FROM aliases FINAL
        WHERE kind = {kind:String} AND name != ''
    ) AS names,

    copies AS (
        SELECT
            start,
            trace_id,
            span_id,
            received_at,
            operation,
            outcome,
            is_counted,
            is_unfinished,
            -- a chain of ifs on a parameter is folded before the query runs: only one of the columns is read
            if({kind:String} = 'model', model,
                if({kind:String} = 'pattern', pattern,
                    if({kind:String} = 'error_type', error_type, service))) AS subject,
            if({kind:String} IN ('model', 'pattern'), user_hash, 0) AS user_hash,
            duration_us,
            is_cold_start,
            input_tokens,
            output_tokens,
            moved_bytes,
            size_bytes,
            quality_ppm
        FROM usage_events
        WHERE toStartOfHour(start) IN tupleElement(cover, 2)
            AND start >= {since:DateTime64(6, 'UTC')}
            AND start < {until:DateTime64(6, 'UTC')}
        ORDER BY
            start, trace_id, span_id,
            is_counted, is_unfinished, received_at,
            operation, outcome, subject, user_hash DESC, duration_us, quality_ppm, is_cold_start,
            input_tokens, output_tokens, moved_bytes, size_bytes
        LIMIT 1 BY start, trace_id, span_id
    ),

    seen AS (
        SELECT
            *,
            isNotNull(duration_us) AND outcome != 'cancelled' AS has_duration,
            assumeNotNull(duration_us) AS us,
            if(us = 0, -32768, ceil(log2(greatest(us, 1)) * 32) - 1)::Int16 AS slot
        FROM copies
        WHERE subject != ''
    ),

    raw AS (
        SELECT
            toStartOfHour(e.start)::DateTime('UTC') AS bucket,
            if(e.is_counted, e.operation::String, concat('nested ', e.operation))::LowCardinality(String) AS operation,
            e.subject AS subject,
            count() AS operations,
            countIf(e.outcome = 'success') AS successes,
            countIf(e.outcome = 'partial_success') AS partial_successes,
            countIf(e.outcome = 'failure') AS failures,
            countIf(e.outcome = 'error') AS errors,
            countIf(e.outcome = 'cancelled') AS cancellations,
            groupArrayIf(e.start::DateTime64(6, 'UTC'), e.is_unfinished) AS unfinished_starts,
            countIf(e.is_cold_start) AS cold_starts,
            countIf(e.has_duration) AS durations,
            sumIf(e.us, e.has_duration) AS duration_sum_us,
            sumIf(toUInt128(e.us) * e.us, e.has_duration) AS duration_squares_us2,
            minIf(e.us, e.has_duration) AS duration_min_us,
            maxIf(e.us, e.has_duration) AS duration_max_us,
            sumMapIf(map(e.slot, toUInt64(1)), e.has_duration) AS duration_histogram,
            sum(e.input_tokens) AS input_tokens,
            sum(e.output_tokens) AS output_tokens,
            sum(e.moved_bytes) AS moved_bytes,
            max(e.size_bytes) AS size_bytes,
            count(e.quality_ppm) AS qualities,
            sumIf(toUInt64(assumeNotNull(e.quality_ppm)), isNotNull(e.quality_ppm)) AS quality_sum_ppm,
            min(e.start) AS first_at,
            max(e.start) AS last_at,
            groupBitmapStateIf(n.number, n.number > 0) AS users,
            groupUniqArrayIf(e.user_hash, e.user_hash != 0 AND n.number = 0) AS unnumbered_users
        FROM seen AS e
        ANY LEFT JOIN users AS n ON n.user_hash = e.user_hash
        GROUP BY bucket, operation, subject
    ),

    rolled AS (
        SELECT
            bucket,
            k_operation AS operation,
            k_subject AS subject,
            k_operations AS operations,
            k_successes AS successes,
            k_partial_successes AS partial_successes,
            k_failures AS failures,
            k_errors AS errors,
            k_cancellations AS cancellations,
            k_unfinished_starts AS unfinished_starts,
            k_cold_starts AS cold_starts,
            k_durations AS durations,
            k_duration_sum_us AS duration_sum_us,
            k_duration_squares_us2 AS duration_squares_us2,
            k_duration_min_us AS duration_min_us,
            k_duration_max_us AS duration_max_us,
            k_duration_histogram AS duration_histogram,
            k_input_tokens AS input_tokens,
            k_output_tokens AS output_tokens,
            k_moved_bytes AS moved_bytes,
            k_size_bytes AS size_bytes,
            k_qualities AS qualities,
            k_quality_sum_ppm AS quality_sum_ppm,
            k_first_at AS first_at,
            k_last_at AS last_at,
            k_users AS users,
            CAST([], 'Array(UInt64)') AS unnumbered_users
        FROM usage_rolls FINAL
        ARRAY JOIN
            operation AS k_operation,
            subject AS k_subject,
            operations AS k_operations,
            successes AS k_successes,
            partial_successes AS k_partial_successes,
            failures AS k_failures,
            errors AS k_errors,
            cancellations AS k_cancellations,
            unfinished_starts AS k_unfinished_starts,
            cold_starts AS k_cold_starts,
            durations AS k_durations,
            duration_sum_us AS k_duration_sum_us,
            duration_squares_us2 AS k_duration_squares_us2,
            duration_min_us AS k_duration_min_us,
            duration_max_us AS k_duration_max_us,
            duration_histogram AS k_duration_histogram,
            input_tokens AS k_input_tokens,
            output_tokens AS k_output_tokens,
            moved_bytes AS k_moved_bytes,
            size_bytes AS k_size_bytes,
            qualities AS k_qualities,
            quality_sum_ppm AS k_quality_sum_ppm,
            first_at AS k_first_at,
            last_at AS k_last_at,
            users AS k_users
        WHERE kind = {kind:String} AND (grain::String, bucket) IN tupleElement(cover, 1)
    )

SELECT
    if(has(names.1, subject), names.2[indexOf(names.1, subject)], subject) AS name,
    bucket,
    operation,
    subject,
    operations,
    successes,
    partial_successes,
    failures,
    errors,
    cancellations,
    unfinished_starts,
    cold_starts,
    durations,
    duration_sum_us,
    duration_squares_us2,
    duration_min_us,
    duration_max_us,
    duration_histogram,
    input_tokens,
    output_tokens,
    moved_bytes,
    size_bytes,
    qualities,
    quality_sum_ppm,
    first_at,
    last_at,
    users,
    unnumbered_users
FROM (SELECT * FROM rolled UNION ALL SELECT * FROM raw)
