-- Figures of an export that was made before the schema began anew, where nothing else is left of their month: in months
-- that have events, figures are made from those. Those of all operations together are those of all services, with the
-- users of models and patterns. When a row was received, how long it waited and why it failed was not kept then.
-- Grain: one row per kind of subject, section, grain and bucket.
-- Reads: nothing
INSERT INTO {scratch:Identifier}.usage_rolls
WITH
    cells AS (
        SELECT
            kind,
            grain::String AS grain,
            bucket,
            consumed,
            one_operation AS operation,
            one_subject AS subject,
            (
                one_operations, one_successes, one_partial_successes, one_failures, one_errors, one_cancellations,
                one_cold_starts, one_durations, one_duration_sum_us, one_duration_squares_us2, one_input_tokens,
                one_output_tokens, one_moved_bytes, one_qualities, one_quality_sum_ppm
            ) AS sums,
            (if(one_durations = 0, 18446744073709551615, one_duration_min_us), one_first_at) AS lows,
            (one_duration_max_us, one_size_bytes, one_last_at) AS highs,
            one_unfinished_starts AS unfinished_starts,
            one_duration_histogram AS duration_histogram,
            one_users AS users
        FROM {scratch:Identifier}.usage_rolls_before
        ARRAY JOIN
            operation AS one_operation,
            subject AS one_subject,
            operations AS one_operations,
            successes AS one_successes,
            partial_successes AS one_partial_successes,
            failures AS one_failures,
            errors AS one_errors,
            cancellations AS one_cancellations,
            unfinished_starts AS one_unfinished_starts,
            cold_starts AS one_cold_starts,
            durations AS one_durations,
            duration_sum_us AS one_duration_sum_us,
            duration_squares_us2 AS one_duration_squares_us2,
            duration_min_us AS one_duration_min_us,
            duration_max_us AS one_duration_max_us,
            duration_histogram AS one_duration_histogram,
            input_tokens AS one_input_tokens,
            output_tokens AS one_output_tokens,
            moved_bytes AS one_moved_bytes,
            size_bytes AS one_size_bytes,
            qualities AS one_qualities,
            quality_sum_ppm AS one_quality_sum_ppm,
            first_at AS one_first_at,
            last_at AS one_last_at,
            users AS one_users
        WHERE toStartOfMonth(bucket) NOT IN (SELECT toStartOfMonth(start) FROM {scratch:Identifier}.usage_events)
    ),

    every_kind AS (
        SELECT
            kind, grain, bucket, consumed, operation, subject, sums, lows, highs, unfinished_starts, duration_histogram,
            users
        FROM cells
        UNION ALL
        SELECT
            'all',
            grain,
            bucket,
            max(cells.consumed),
            operation,
            '',
            sumTupleIf(cells.sums, kind = 'service'),
            minTupleIf(cells.lows, kind = 'service'),
            maxTupleIf(cells.highs, kind = 'service'),
            arraySort(groupArrayArrayIf(cells.unfinished_starts, kind = 'service')),
            sumMapIf(cells.duration_histogram, kind = 'service'),
            groupBitmapMergeState(cells.users)
        FROM cells
        GROUP BY grain, bucket, operation
    )

SELECT
    kind,
    part AS section,
    grain,
    bucket,
    max(c.consumed) AS consumed,
    bucket AS rolled_at,
    groupArrayIf(c.operation, (c.operation = 'model.request') = (part = 'request')) AS operation,
    groupArrayIf(c.subject, (c.operation = 'model.request') = (part = 'request')) AS subject,
    -- by their names: figures that were not kept then are zero
    CAST(
        groupArrayIf(c.sums, (c.operation = 'model.request') = (part = 'request')),
        'Array(Tuple(
            operations UInt64, successes UInt64, partial_successes UInt64, failures UInt64, errors UInt64,
            cancellations UInt64, cold_starts UInt64,
            durations UInt64, duration_sum_us UInt64, duration_squares_us2 UInt128,
            input_tokens UInt64, output_tokens UInt64, moved_bytes UInt64, qualities UInt64, quality_sum_ppm UInt64
        ))'
    ) AS sums,
    CAST(
        groupArrayIf(c.lows, (c.operation = 'model.request') = (part = 'request')),
        'Array(Tuple(duration_min_us UInt64, first_at DateTime64(9, \'UTC\')))'
    ) AS lows,
    CAST(
        groupArrayIf(c.highs, (c.operation = 'model.request') = (part = 'request')),
        'Array(Tuple(duration_max_us UInt64, size_bytes UInt64, last_at DateTime64(9, \'UTC\')))'
    ) AS highs,
    groupArrayIf(c.unfinished_starts, (c.operation = 'model.request') = (part = 'request')) AS unfinished_starts,
    groupArrayIf(c.duration_histogram, (c.operation = 'model.request') = (part = 'request')) AS duration_histogram,
    groupArrayIf(c.users, (c.operation = 'model.request') = (part = 'request')) AS users
FROM every_kind AS c
ARRAY JOIN ['request', 'other'] AS part
GROUP BY kind, part, grain, bucket
