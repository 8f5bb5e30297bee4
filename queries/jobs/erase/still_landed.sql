-- Spans of erased users that landed after their erasure.
-- Grain: one row, none where there are no such spans.
-- Reads: otel_traces, erased_users
-- Read by: the expire job
SELECT count() AS spans
FROM otel_traces
WHERE SpanAttributes['user.hash'] IN (SELECT leftPad(lower(hex(user_hash)), 16, '0') FROM erased_users)
HAVING spans > 0
