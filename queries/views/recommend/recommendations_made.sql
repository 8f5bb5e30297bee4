-- What one run of an advice job said: every advice and every refusal with its evidence.
-- Grain: one row per subject; '*' stands for the run itself.
-- Reads: recommendations
-- Read by: recommend
SELECT
    kind,
    policy,
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
WHERE kind = {kind:String} AND policy = {policy:String} AND as_of = {as_of:DateTime64(6, 'UTC')}
ORDER BY subject != '*', verdict, confidence DESC, subject
