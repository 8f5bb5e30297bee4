-- What one run of an advice job said: every advice and every refusal with its evidence, and what had become of earlier
-- advice about the same.
-- Grain: one row per subject and action; '*' stands for the run itself.
-- Reads: recommendations, verdicts_newest
-- Read by: recommend
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
WHERE r.kind = {kind:String}
    AND r.policy = {policy:String}
    AND r.as_of = {as_of:DateTime64(6, 'UTC')}
    AND r.made_at = {made_at:DateTime64(6, 'UTC')}
ORDER BY subject != '*', verdict, JSONExtractUInt(evidence, 'place'), confidence DESC, subject,
    action
