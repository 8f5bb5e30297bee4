-- The hash of an erased user is in no table; what lands after the erasure loses it with the next expiry.
-- Grain: one row per table that still has one.
-- Reads: erased_users, usage_events, usage_late, users, otel_traces
SELECT table_name, count() AS remaining
FROM (
    SELECT 'usage_events' AS table_name, user_hash FROM usage_events
    UNION ALL
    SELECT 'usage_late', user_hash FROM usage_late
    UNION ALL
    SELECT 'users', user_hash FROM users
    UNION ALL
    SELECT 'otel_traces', reinterpretAsUInt64(reverse(unhex(SpanAttributes['user.hash'])))
    FROM otel_traces
    WHERE SpanAttributes['user.hash'] != ''
)
WHERE user_hash IN (SELECT user_hash FROM erased_users)
GROUP BY table_name
ORDER BY table_name
