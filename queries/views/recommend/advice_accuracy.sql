-- How often advice was right, by what was judged in a window, and what each rule says of itself now. An advice is wrong
-- at a horizon when what refutes it came before that. The line of a kind of all subjects is followed by its classes:
-- models with few uses are the weakest of every rule. The worst line of those with 20 verdicts is marked.
-- Grain: one row per kind, policy, version, horizon and class of subjects; rules without a verdict have one row.
-- Reads: verdicts_newest, recommendations
-- Read by: stats accuracy
WITH
    counted AS (
        SELECT
            kind,
            policy,
            policy_version,
            -- to the hour, and from a day on to the day
            toNullable(if(
                horizon_seconds < 86400,
                greatest(round(horizon_seconds / 3600), 1) * 3600,
                round(horizon_seconds / 86400) * 86400
            )) AS horizon,
            arrayJoin(if(class = '', ['all'], ['all', class])) AS subjects,
            countIf(is_advised AND verdict = 'right') AS right_ones,
            countIf(is_advised AND verdict = 'wrong') AS wrong_ones,
            countIf(is_advised AND verdict = 'moot') AS moot_ones,
            -- chances are judged whether anything was advised by them or not
            countIf(confidence IS NOT NULL AND verdict != 'moot') AS chances,
            avgOrNullIf(confidence, verdict != 'moot') AS mean_confidence,
            avgOrNullIf(toFloat64(verdict = 'right'), confidence IS NOT NULL AND verdict != 'moot') AS came_share,
            avgOrNullIf(pow(confidence - (verdict = 'right'), 2), verdict != 'moot') AS brier
        FROM verdicts_newest(as_of = {as_of:DateTime64(6, 'UTC')})
        WHERE judged_at >= {since:DateTime64(6, 'UTC')} AND judged_at < {until:DateTime64(6, 'UTC')}
        GROUP BY kind, policy, policy_version, horizon, subjects
    ),

    given AS (
        SELECT
            kind,
            policy,
            argMax(policy_version, (as_of, made_at)) AS newest_version,
            max((as_of, made_at)) AS last_run,
            -- what the run said of itself, if that was its last word
            argMaxIf(reason, (as_of, made_at), subject = '*') AS reason_of_run,
            maxIf((as_of, made_at), subject = '*') AS last_reason
        FROM recommendations
        WHERE as_of <= {as_of:DateTime64(6, 'UTC')}
        GROUP BY kind, policy
    )

SELECT
    g.kind AS kind,
    g.policy AS policy,
    if(c.kind = '', g.newest_version, c.policy_version) AS policy_version,
    c.horizon AS horizon_seconds,
    if(c.kind = '', 'all', c.subjects) AS subjects,
    c.right_ones + c.wrong_ones AS judged,
    c.right_ones AS right,
    c.wrong_ones AS wrong,
    c.moot_ones AS moot,
    if(judged = 0, NULL, right / judged) AS right_share,
    c.chances AS chances,
    c.mean_confidence AS mean_confidence,
    c.came_share AS came_share,
    c.brier AS brier,
    coalesce(
        judged >= 20 AND right_share = min(if(judged >= 20, right_share, NULL)) OVER (), false
    )::Bool AS is_worst,
    if(
        g.last_run = g.last_reason AND startsWith(g.reason_of_run, 'suspended: '),
        substring(g.reason_of_run, 12),
        ''
    ) AS suspended
FROM given AS g
LEFT JOIN counted AS c ON c.kind = g.kind AND c.policy = g.policy
ORDER BY kind, policy, policy_version DESC, horizon_seconds, subjects != 'all', subjects
