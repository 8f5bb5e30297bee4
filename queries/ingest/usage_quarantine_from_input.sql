-- What cannot be counted is kept with its reason and its sender; a word that nobody knows is not, it may be a text.
-- Reads: usage_input
CREATE MATERIALIZED VIEW IF NOT EXISTS usage_quarantine_from_input TO usage_quarantine AS
SELECT
    received_at,
    reject_reason AS reason,
    lower(hex(trace_id)) AS trace_id,
    lower(hex(span_id)) AS span_id,
    if(reason = 'unknown_operation', '', operation) AS name,
    concat('start ', toString(start), ', model ', model, ', service ', service) AS detail,
    instance
FROM usage_input
WHERE reject_reason != ''
