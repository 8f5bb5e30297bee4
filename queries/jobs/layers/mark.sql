-- Says of requests that they are a part of another one: a copy that does not count.
-- Grain: one row per request marked.
-- Reads: usage_events, frozen_months
INSERT INTO usage_events
SELECT * REPLACE (false AS is_counted, '' AS marked_service, 'modeltally.layers' AS scope)
FROM (
    SELECT *
    FROM usage_events
    WHERE start >= fromUnixTimestamp64Nano({first_ns:UInt64}::Int64, 'UTC')
        AND start <= fromUnixTimestamp64Nano({last_ns:UInt64}::Int64, 'UTC')
        AND is_counted
        AND scope != 'modeltally.layers'
        AND toStartOfMonth(start) NOT IN (SELECT month FROM frozen_months)
        AND (start, trace_id, span_id) IN (
            SELECT
                fromUnixTimestamp64Nano(one.1::Int64, 'UTC'),
                toFixedString(unhex(one.2), 16),
                toFixedString(unhex(one.3), 8)
            FROM (
                SELECT arrayJoin(arrayZip(
                    {starts_ns:Array(UInt64)}, {traces:Array(String)}, {spans:Array(String)}
                )) AS one
            )
        )
    ORDER BY start, trace_id, span_id, is_unfinished, received_at
    LIMIT 1 BY start, trace_id, span_id
)
