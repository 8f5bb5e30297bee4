-- What came in since a moment: operations with an end, by kind, model, pattern and outcome, copies included. It tells
-- that something happened; how much did is told by figures. Only what began at or after began_since is looked at, so
-- that old months are not read.
-- Grain: one row per operation name, model, pattern and outcome.
-- Reads: usage_events
-- Read by: the events that the server sends
SELECT
    operation,
    model,
    pattern,
    outcome,
    count() AS operations,
    max(received_at) AS newest_at
FROM usage_events
WHERE received_at >= {received_since:DateTime64(6, 'UTC')}
    AND start >= {began_since:DateTime64(6, 'UTC')}
    AND is_counted
    AND NOT is_unfinished
GROUP BY operation, model, pattern, outcome
ORDER BY operations DESC, operation, model, pattern, outcome
