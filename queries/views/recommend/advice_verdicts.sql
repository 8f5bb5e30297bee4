-- What became of each piece of advice that was judged in a window, the wrong ones first.
-- Grain: one row per advice and horizon.
-- Reads: verdicts_newest
-- Read by: stats verdicts
SELECT
    kind,
    policy,
    policy_version,
    subject,
    action,
    class AS subjects,
    advised_at,
    confidence,
    horizon_seconds,
    verdict,
    reason,
    judged_at
FROM verdicts_newest(as_of = {as_of:DateTime64(6, 'UTC')})
WHERE is_advised
    AND judged_at >= {since:DateTime64(6, 'UTC')}
    AND judged_at < {until:DateTime64(6, 'UTC')}
ORDER BY indexOf(['wrong', 'right', 'moot'], verdict), judged_at DESC, kind, policy, subject, action, horizon_seconds
