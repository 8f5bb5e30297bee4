-- Every finished operation ended in a way we know, and no unfinished one ended: the outcomes add up to the operations.
-- Grain: one row per outcome nobody knows.
-- Reads: usage_events
SELECT
    outcome,
    is_unfinished,
    service,
    count() AS events
FROM usage_events
WHERE (is_unfinished AND outcome != '')
    OR (NOT is_unfinished AND outcome NOT IN ('success', 'partial_success', 'failure', 'error', 'cancelled'))
GROUP BY outcome, is_unfinished, service
ORDER BY outcome, is_unfinished, service
