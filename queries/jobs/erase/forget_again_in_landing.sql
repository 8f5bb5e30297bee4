-- Takes the hashes of erased users out of what landed after their erasure.
-- Reads: otel_traces, tombstones
ALTER TABLE otel_traces
UPDATE SpanAttributes = mapFilter((name, value) -> name != 'user.hash', SpanAttributes)
WHERE SpanAttributes['user.hash'] != ''
    AND SHA256(concat('modeltally erased user ', SpanAttributes['user.hash'])) IN (SELECT digest FROM tombstones)
