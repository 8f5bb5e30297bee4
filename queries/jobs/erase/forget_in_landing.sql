-- Takes the hash out of the landing table.
-- Reads: otel_traces
ALTER TABLE otel_traces
UPDATE SpanAttributes = mapFilter((name, value) -> name != 'user.hash', SpanAttributes)
WHERE SpanAttributes['user.hash'] = {user_hex:String}
