-- Takes the hashes that are being erased out of the landing table.
-- Reads: otel_traces, erasing
ALTER TABLE otel_traces
UPDATE SpanAttributes = mapFilter((name, value) -> name != 'user.hash', SpanAttributes)
WHERE SpanAttributes['user.hash'] IN (SELECT leftPad(lower(hex(user_hash)), 16, '0') FROM erasing)
