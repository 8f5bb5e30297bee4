-- What the last run of each advice job said, as far as it still holds: every advice and every refusal.
-- Grain: one row per kind, policy and subject; '*' stands for the run itself.
-- Reads: recommendations
-- Read by: the REST interface, the events that the server sends
SELECT
    kind,
    policy,
    as_of AS advised_at,
    subject,
    verdict,
    reason,
    confidence,
    priority,
    evidence,
    window_since,
    window_until,
    expires_at,
    is_unsafe
FROM recommendations FINAL
WHERE expires_at > {as_of:DateTime64(6, 'UTC')}
    AND (kind, policy, as_of) IN (
        SELECT kind, policy, max(as_of)
        FROM recommendations
        WHERE as_of <= {as_of:DateTime64(6, 'UTC')}
        GROUP BY kind, policy
    )
ORDER BY kind, policy, subject != '*', verdict, confidence DESC, subject
