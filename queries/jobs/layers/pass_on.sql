-- Gives requests what those inside them told: a copy that comes before all others. The model and the tokens are those
-- of the first that tells them, by position, the innermost first and the request itself last; tokens go together. What
-- the request does not say itself, a cost, the wait in a queue, the time to the first chunk, is the first's that does.
-- Nothing is written where that is what counts already.
-- Grain: one row per request that changes.
-- Reads: usage_events, frozen_months
INSERT INTO usage_events
WITH
    pairs AS (
        SELECT
            fromUnixTimestamp64Nano(one.1::Int64, 'UTC') AS of_start,
            toFixedString(unhex(one.2), 16) AS of_trace,
            toFixedString(unhex(one.3), 8) AS of_span,
            one.4 AS position,
            fromUnixTimestamp64Nano(one.5::Int64, 'UTC') AS by_start,
            toFixedString(unhex(one.6), 16) AS by_trace,
            toFixedString(unhex(one.7), 8) AS by_span
        FROM (
            SELECT arrayJoin(arrayZip(
                {starts_ns:Array(UInt64)}, {traces:Array(String)}, {spans:Array(String)}, {positions:Array(UInt64)},
                {inner_starts_ns:Array(UInt64)}, {inner_traces:Array(String)}, {inner_spans:Array(String)}
            )) AS one
        )
    ),

    -- as it was said
    said AS (
        SELECT *, min(received_at) OVER (PARTITION BY start, trace_id, span_id) AS earliest
        FROM usage_events
        WHERE start >= fromUnixTimestamp64Nano({first_ns:UInt64}::Int64, 'UTC')
            AND start <= fromUnixTimestamp64Nano({last_ns:UInt64}::Int64, 'UTC')
            AND is_counted
            AND (start, trace_id, span_id) IN (SELECT by_start, by_trace, by_span FROM pairs)
        ORDER BY start, trace_id, span_id, scope = 'modeltally.layers', is_unfinished, received_at
        LIMIT 1 BY start, trace_id, span_id
    ),

    -- as it counts now
    counting AS (
        SELECT
            start, trace_id, span_id,
            (
                model, response_model, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
                reasoning_tokens, coalesce(cost_millionths, 0), coalesce(queue_us, 0), coalesce(first_chunk_us, 0)
            ) AS facts
        FROM usage_events
        WHERE start >= fromUnixTimestamp64Nano({first_ns:UInt64}::Int64, 'UTC')
            AND start <= fromUnixTimestamp64Nano({last_ns:UInt64}::Int64, 'UTC')
            AND is_counted
            AND (start, trace_id, span_id) IN (SELECT of_start, of_trace, of_span FROM pairs)
        ORDER BY start, trace_id, span_id, is_unfinished, received_at
        LIMIT 1 BY start, trace_id, span_id
    ),

    told AS (
        SELECT
            p.of_start AS of_start,
            p.of_trace AS of_trace,
            p.of_span AS of_span,
            argMinIf(i.model, p.position, i.model NOT IN ('', 'unknown')) AS new_model,
            argMinIf(i.response_model, p.position, i.response_model != '') AS new_response_model,
            argMinIf(
                (i.input_tokens, i.output_tokens, i.cache_read_tokens, i.cache_write_tokens, i.reasoning_tokens),
                p.position,
                i.input_tokens > 0 OR i.output_tokens > 0
            ) AS tokens,
            argMinIf((i.cost_millionths, i.cost_currency), p.position, isNotNull(i.cost_millionths)) AS cost,
            argMinIf(i.queue_us, p.position, isNotNull(i.queue_us)) AS waited_us,
            argMinIf(i.first_chunk_us, p.position, isNotNull(i.first_chunk_us)) AS first_us
        FROM pairs AS p
        INNER JOIN said AS i ON i.start = p.by_start AND i.trace_id = p.by_trace AND i.span_id = p.by_span
        GROUP BY of_start, of_trace, of_span
    )

SELECT e.* EXCEPT (earliest) REPLACE (
    e.earliest - toIntervalMillisecond(1) AS received_at,
    'modeltally.layers' AS scope,
    if(t.new_model = '', e.model, t.new_model) AS model,
    t.new_response_model AS response_model,
    t.tokens.1 AS input_tokens,
    t.tokens.2 AS output_tokens,
    t.tokens.3 AS cache_read_tokens,
    t.tokens.4 AS cache_write_tokens,
    t.tokens.5 AS reasoning_tokens,
    coalesce(e.cost_millionths, t.cost.1) AS cost_millionths,
    if(isNull(e.cost_millionths), t.cost.2, e.cost_currency) AS cost_currency,
    coalesce(e.queue_us, t.waited_us) AS queue_us,
    coalesce(e.first_chunk_us, t.first_us) AS first_chunk_us
)
FROM said AS e
INNER JOIN told AS t ON t.of_start = e.start AND t.of_trace = e.trace_id AND t.of_span = e.span_id
INNER JOIN counting AS c ON c.start = e.start AND c.trace_id = e.trace_id AND c.span_id = e.span_id
WHERE toStartOfMonth(e.start) NOT IN (SELECT month FROM frozen_months)
    AND c.facts != (
        if(t.new_model = '', e.model, t.new_model), t.new_response_model,
        t.tokens.1, t.tokens.2, t.tokens.3, t.tokens.4, t.tokens.5,
        coalesce(coalesce(e.cost_millionths, t.cost.1), 0), coalesce(coalesce(e.queue_us, t.waited_us), 0),
        coalesce(coalesce(e.first_chunk_us, t.first_us), 0)
    )
