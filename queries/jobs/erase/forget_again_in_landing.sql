-- Takes the hashes of erased users out of what landed after their erasure.
-- Reads: otel_traces, erased_users
ALTER TABLE otel_traces
UPDATE SpanAttributes = mapFilter((name, value) -> name != 'user.hash', SpanAttributes)
WHERE SpanAttributes['user.hash'] IN (SELECT leftPad(lower(hex(user_hash)), 16, '0') FROM erased_users)
