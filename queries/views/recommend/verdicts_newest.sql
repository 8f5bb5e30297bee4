-- The verdicts known at a moment, of each advice and horizon by the newest version of the judge.
-- Grain: one row per advice and horizon.
-- Reads: verdicts
-- Read by: recommendations_last, recommendations_made, regret_by_policy, the views of accuracy
SELECT
    kind,
    policy,
    policy_version,
    as_of AS advised_at,
    subject,
    action,
    is_advised,
    class,
    confidence,
    horizon_seconds,
    verdict,
    figure,
    measured,
    reason,
    judged_at,
    judge_version
FROM verdicts FINAL
WHERE judged_at <= {as_of:DateTime64(6, 'UTC')}
ORDER BY kind, policy, advised_at, subject, action, horizon_seconds, judge_version DESC
LIMIT 1 BY kind, policy, advised_at, subject, action, horizon_seconds
