-- How much, how well and how fast, by the values of an attribute that a host made up, acme.team for example.
-- Read from the events alone: rolls do not know attributes, so a window answers for what is still there, 90 days as a
-- rule. operation is the one to count, '' counts all of them. What ran inside another operation of its kind is part of
-- that one. Copies collapse, outcomes and rates are made and quantiles are read as everywhere (usage_figures,
-- usage_summary).
-- Grain: one row per value; '' stands for the operations without the attribute.
-- Reads: usage_events
-- Read by: stats attribute
WITH
    copies AS (
        SELECT
            start,
            operation,
            outcome,
            is_counted,
            is_unfinished,
            custom[{attribute:String}] AS value,
            duration_us
        FROM usage_events
        WHERE start >= {since:DateTime64(6, 'UTC')}
            AND start < {until:DateTime64(6, 'UTC')}
        ORDER BY
            start, trace_id, span_id,
            is_counted, is_unfinished, received_at,
            operation, outcome, user_hash DESC, duration_us, value
        LIMIT 1 BY start, trace_id, span_id
    ),

    seen AS (
        SELECT
            start,
            outcome,
            value,
            is_unfinished
                AND start <= {as_of:DateTime64(6, 'UTC')}
                    - toIntervalMicrosecond(toInt64({abandoned_after_seconds:Float64} * 1e6)) AS is_abandoned,
            is_unfinished AND NOT is_abandoned AS is_in_flight,
            isNotNull(duration_us) AND outcome != 'cancelled' AS has_duration,
            assumeNotNull(duration_us) AS us,
            if(us = 0, -32768, ceil(log2(greatest(us, 1)) * 32) - 1)::Int16 AS slot
        FROM copies
        WHERE is_counted AND ({operation:String} = '' OR operation = {operation:String})
    ),

    sums AS (
        SELECT
            value,
            count() AS operations,
            countIf(outcome = 'success') AS successes,
            countIf(outcome = 'partial_success') AS partial_successes,
            countIf(outcome IN ('failure', 'error')) AS failures,
            countIf(outcome = 'cancelled') AS cancelled,
            countIf(is_abandoned) AS abandoned,
            countIf(is_in_flight) AS in_flight,
            operations - cancelled - in_flight AS rated,
            countIf(has_duration) AS durations,
            sumIf(us, has_duration) AS duration_sum_us,
            sumMapIf(map(slot, toUInt64(1)), has_duration) AS histogram,
            arrayCumSum(mapValues(histogram)) AS cumulated,
            mapKeys(histogram)[
                arrayFirstIndex(reached -> reached >= intDiv(durations * 95 + 99, 100), cumulated)
            ] AS p95_slot,
            min(start) AS first_used_at,
            max(start) AS last_used_at
        FROM seen
        GROUP BY value
    )

SELECT
    value,
    operations,
    successes,
    partial_successes,
    failures,
    cancelled,
    abandoned,
    in_flight,
    if(rated = 0, NULL, (successes + partial_successes / 2) / rated) AS success_rate,
    if(durations = 0, NULL, duration_sum_us / durations / 1000) AS mean_ms,
    if(durations = 0, NULL, if(p95_slot = -32768, 0, pow(2, (p95_slot + 0.5) / 32) / 1000)) AS p95_ms,
    first_used_at,
    last_used_at
FROM sums
ORDER BY operations DESC, value
