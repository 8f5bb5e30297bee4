-- What the last run of each advice job said, as far as it still holds: every advice and every refusal, and what became
-- of earlier advice about the same.
-- Grain: one row per kind, policy, subject and action; '*' stands for the run itself.
-- Reads: recommendations, verdicts_newest
-- Read by: the REST interface, the events that the server sends
WITH
    earlier AS (
        SELECT
            kind,
            policy,
            subject,
            toJSONString(arraySlice(arrayReverseSort(groupArray(CAST(
                (advised_at, action, horizon_seconds, verdict, reason, judged_at),
                'Tuple(
                    advised_at DateTime64(0, \'UTC\'), action String, horizon_seconds Float64, verdict String,
                    reason String, judged_at DateTime64(0, \'UTC\')
                )'
            ))), 1, 10)) AS verdicts
        FROM verdicts_newest(as_of = {as_of:DateTime64(6, 'UTC')})
        WHERE is_advised
        GROUP BY kind, policy, subject
    )

SELECT
    r.kind AS kind,
    r.policy AS policy,
    policy_version,
    as_of AS advised_at,
    r.subject AS subject,
    action,
    verdict,
    reason,
    confidence,
    horizon_seconds,
    priority,
    evidence,
    window_since,
    window_until,
    expires_at,
    coverage,
    refuted_by,
    refutation,
    if(e.verdicts = '', '[]', e.verdicts) AS verdicts,
    is_unsafe
FROM recommendations AS r FINAL
LEFT JOIN earlier AS e ON e.kind = r.kind AND e.policy = r.policy AND e.subject = r.subject
WHERE r.expires_at > {as_of:DateTime64(6, 'UTC')}
    AND (r.kind, r.policy, r.as_of, r.made_at) IN (
        SELECT
            kind,
            policy,
            max((as_of, made_at)).1,
            max((as_of, made_at)).2
        FROM recommendations
        WHERE as_of <= {as_of:DateTime64(6, 'UTC')}
        GROUP BY kind, policy
    )
ORDER BY kind, policy, subject != '*', verdict, JSONExtractUInt(evidence, 'place'), confidence DESC, subject,
    action
