-- Gives a request the model and the tokens that those inside it told of: a copy of it that comes before all others.
-- Grain: one row per request.
-- Reads: usage_events
INSERT INTO usage_events
WITH
    given AS (
        SELECT
            fromUnixTimestamp64Nano(one.1::Int64, 'UTC') AS of_start,
            toFixedString(unhex(one.2), 16) AS of_trace,
            toFixedString(unhex(one.3), 8) AS of_span,
            one.4 AS new_model,
            one.5 AS new_response_model,
            one.6 AS tokens
        FROM (
            SELECT arrayJoin(arrayZip(
                {starts_ns:Array(UInt64)}, {traces:Array(String)}, {spans:Array(String)},
                {models:Array(String)}, {response_models:Array(String)}, {tokens:Array(Array(UInt64))}
            )) AS one
        )
    )

SELECT e.* EXCEPT (earliest) REPLACE (
    e.earliest - toIntervalMillisecond(1) AS received_at,
    'modeltally.layers' AS scope,
    g.new_model AS model,
    g.new_response_model AS response_model,
    g.tokens[1] AS input_tokens,
    g.tokens[2] AS output_tokens,
    g.tokens[3] AS cache_read_tokens,
    g.tokens[4] AS cache_write_tokens,
    g.tokens[5] AS reasoning_tokens
)
FROM (
    SELECT *, min(received_at) OVER (PARTITION BY start, trace_id, span_id) AS earliest
    FROM usage_events
    WHERE start >= fromUnixTimestamp64Nano({first_ns:UInt64}::Int64, 'UTC')
        AND start <= fromUnixTimestamp64Nano({last_ns:UInt64}::Int64, 'UTC')
        AND is_counted
        AND (start, trace_id, span_id) IN (SELECT of_start, of_trace, of_span FROM given)
    ORDER BY start, trace_id, span_id, scope = 'modeltally.layers', is_unfinished, received_at
    LIMIT 1 BY start, trace_id, span_id
) AS e
INNER JOIN given AS g ON g.of_start = e.start AND g.of_trace = e.trace_id AND g.of_span = e.span_id
