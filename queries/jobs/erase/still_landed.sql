-- Hashes of erased users that landed after their erasure.
-- Grain: one row, none where there are no such spans.
-- Reads: otel_traces, tombstones
-- Read by: the expire job
SELECT count() AS hashes
FROM (
    SELECT DISTINCT SpanAttributes['user.hash'] AS user_hex
    FROM otel_traces
    WHERE user_hex != '' AND (SELECT count() FROM tombstones) > 0
)
WHERE SHA256(concat('modeltally erased user ', user_hex)) IN (SELECT digest FROM tombstones)
HAVING hashes > 0
