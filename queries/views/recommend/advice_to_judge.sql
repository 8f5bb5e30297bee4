-- Every advice that something could refute, and every chance that was said, of the last 400 days; the first of an hour
-- for all of that hour. With each: how far it was judged before by this version of the judge, as pairs of a horizon and
-- the time of the last judged advice alike.
-- Grain: one row per kind, policy, subject, action and hour.
-- Reads: recommendations, verdicts, aliases
-- Read by: the job that judges
WITH
    (
        SELECT tuple(groupArray(alias), groupArray(name))
        FROM aliases FINAL
        WHERE kind = 'model' AND name != ''
    ) AS names,

    judged AS (
        SELECT
            kind,
            policy,
            subject,
            action,
            groupArray((horizon_seconds, last_at)) AS judged
        FROM (
            SELECT
                kind,
                policy,
                subject,
                action,
                horizon_seconds,
                max(as_of) AS last_at
            FROM verdicts
            WHERE judge_version = {judge_version:UInt32}
            GROUP BY kind, policy, subject, action, horizon_seconds
        )
        GROUP BY kind, policy, subject, action
    )

SELECT
    r.kind AS kind,
    r.policy AS policy,
    r.policy_version AS policy_version,
    r.as_of AS advised_at,
    r.subject AS subject,
    if(has(names.1, r.subject), names.2[indexOf(names.1, r.subject)], r.subject)::String AS name,
    r.action AS action,
    r.verdict = 'advise' AS is_advised,
    JSONExtractString(r.evidence, 'class') AS class,
    r.confidence AS confidence,
    r.horizon_seconds AS horizon_seconds,
    r.expires_at AS expires_at,
    r.refutation AS refutation,
    toStartOfHour(r.as_of) AS hour,
    j.judged AS judged
FROM recommendations AS r FINAL
LEFT JOIN judged AS j
    ON j.kind = r.kind AND j.policy = r.policy AND j.subject = r.subject AND j.action = r.action
WHERE r.refutation != ''
    AND (r.verdict = 'advise' OR r.confidence IS NOT NULL)
    AND r.as_of < {as_of:DateTime64(6, 'UTC')}
    AND r.as_of >= {as_of:DateTime64(6, 'UTC')} - toIntervalDay(400)
ORDER BY kind, policy, subject, action, advised_at
LIMIT 1 BY kind, policy, subject, action, hour
