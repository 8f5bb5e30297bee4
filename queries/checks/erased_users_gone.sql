-- The hash of an erased user is in no table; what lands after the erasure loses it with the next expiry.
-- Grain: one row per table that still has one.
-- Reads: tombstones, usage_events, usage_late, users, otel_traces
SELECT table_name, count() AS remaining
FROM (
    SELECT DISTINCT 'usage_events' AS table_name, leftPad(lower(hex(user_hash)), 16, '0') AS user_hex FROM usage_events
    UNION ALL
    SELECT DISTINCT 'usage_late', leftPad(lower(hex(user_hash)), 16, '0') FROM usage_late
    UNION ALL
    SELECT 'users', leftPad(lower(hex(user_hash)), 16, '0') FROM users
    UNION ALL
    SELECT DISTINCT 'otel_traces', SpanAttributes['user.hash'] FROM otel_traces
)
WHERE SHA256(concat('modeltally erased user ', user_hex)) IN (SELECT digest FROM tombstones)
GROUP BY table_name
ORDER BY table_name
