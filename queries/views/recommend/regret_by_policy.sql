-- How often the advice of each rule proved wrong, of what was judged between two moments: an advice is wrong when it
-- is at any of its horizons, and moot ones do not count.
-- Grain: one row per kind, policy and version with a judged advice.
-- Reads: verdicts_newest
-- Read by: the advice jobs
WITH
    judged AS (
        SELECT
            kind,
            policy,
            policy_version,
            max(verdict = 'wrong') AS is_wrong,
            minIf(judged_at, verdict = 'wrong') AS wrong_at
        FROM verdicts_newest(as_of = {as_of:DateTime64(6, 'UTC')})
        WHERE is_advised AND verdict != 'moot' AND judged_at >= {since:DateTime64(6, 'UTC')}
        GROUP BY kind, policy, policy_version, advised_at, subject, action
    )

SELECT
    kind,
    policy,
    policy_version,
    count() AS judged,
    sum(is_wrong) AS wrong,
    maxIf(wrong_at, is_wrong) AS last_wrong_at
FROM judged
GROUP BY kind, policy, policy_version
ORDER BY kind, policy, policy_version
