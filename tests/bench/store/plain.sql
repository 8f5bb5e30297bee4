-- The figures of a window counted the plain way, from the events and nothing else: what every view must say too.
-- The copies of an operation here differ in nothing but their receipt and whether they count, so any of them will do.
-- by is what to group by: model, error_type, operation, day, hour_of_day or total. operation '' counts all.
-- Grain: one row per key.
-- Reads: usage_events
WITH
    operations AS (
        SELECT
            e.start AS start,
            min(e.is_counted) AS is_counted,
            any(e.operation) AS operation,
            any(e.outcome) AS outcome,
            any(e.is_unfinished) AS is_unfinished,
            any(e.model) AS model,
            any(e.error_type) AS error_type,
            any(e.user_hash) AS user_hash,
            any(e.duration_us) AS duration_us,
            any(e.is_cold_start) AS is_cold_start,
            any(e.input_tokens) AS input_tokens,
            any(e.output_tokens) AS output_tokens
        FROM usage_events AS e
        WHERE e.start >= {since:DateTime64(6, 'UTC')} AND e.start < {until:DateTime64(6, 'UTC')}
        GROUP BY e.start, e.trace_id, e.span_id
        SETTINGS optimize_aggregation_in_order = 1
    ),

    keyed AS (
        SELECT
            *,
            multiIf(
                {told_by:String} = 'model', model::String,
                {told_by:String} = 'error_type', error_type::String,
                {told_by:String} = 'operation', operation::String,
                {told_by:String} = 'day', toString(toDate(start)),
                {told_by:String} = 'hour_of_day', toString(toHour(start)),
                'all'
            ) AS key,
            is_unfinished
                AND start <= {as_of:DateTime64(6, 'UTC')} - toIntervalSecond({abandoned_after_seconds:UInt32})
                AS is_abandoned
        FROM operations
        WHERE is_counted AND ({operation:String} = '' OR operation = {operation:String}) AND key != ''
    ),

    counted AS (
        SELECT
            key,
            count() AS operations,
            countIf(outcome = 'success') AS successes,
            countIf(outcome = 'partial_success') AS partial_successes,
            countIf(outcome IN ('failure', 'error')) AS failures,
            countIf(outcome = 'cancelled') AS cancelled,
            countIf(is_abandoned) AS abandoned,
            countIf(is_unfinished) - abandoned AS in_flight,
            operations - cancelled - in_flight AS rated,
            if(rated = 0, NULL, (successes + partial_successes / 2) / rated) AS success_rate,
            uniqExactIf(user_hash, user_hash != 0) AS users,
            arraySort(groupArrayIf(assumeNotNull(duration_us), isNotNull(duration_us) AND outcome != 'cancelled'))
                AS durations_us,
            length(durations_us) AS durations,
            if(durations = 0, NULL, arraySum(durations_us) / durations / 1000) AS mean_ms,
            if(durations = 0, NULL, durations_us[intDiv(durations * 50 + 99, 100)] / 1000) AS p50_ms,
            if(durations = 0, NULL, durations_us[intDiv(durations * 95 + 99, 100)] / 1000) AS p95_ms,
            if(durations = 0, NULL, durations_us[intDiv(durations * 99 + 99, 100)] / 1000) AS p99_ms,
            countIf(is_cold_start) AS cold_starts,
            sum(input_tokens) AS input_tokens,
            sum(output_tokens) AS output_tokens,
            min(start) AS first_used_at,
            max(start) AS last_used_at
        FROM keyed
        GROUP BY key
    )

SELECT * EXCEPT (durations_us)
FROM counted
