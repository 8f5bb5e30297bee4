-- How often what was said came, for chances alike: the reliability of each rule, by what was judged in a window.
-- Grain: one row per kind, policy, version, horizon and range of chances with a chance in it.
-- Reads: verdicts_newest
-- Read by: stats calibration
WITH
    [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98] AS edges,

    chances AS (
        SELECT
            kind,
            policy,
            policy_version,
            -- to the hour, and from a day on to the day
            if(
                horizon_seconds < 86400,
                greatest(round(horizon_seconds / 3600), 1) * 3600,
                round(horizon_seconds / 86400) * 86400
            ) AS horizon,
            assumeNotNull(confidence) AS said,
            verdict = 'right' AS came,
            arrayLastIndex(edge -> edge <= said, edges) AS place
        FROM verdicts_newest(as_of = {as_of:DateTime64(6, 'UTC')})
        WHERE confidence IS NOT NULL
            AND verdict != 'moot'
            AND judged_at >= {since:DateTime64(6, 'UTC')}
            AND judged_at < {until:DateTime64(6, 'UTC')}
    )

SELECT
    kind,
    policy,
    policy_version,
    horizon AS horizon_seconds,
    edges[place] AS from_chance,
    if(place = length(edges), 1, edges[place + 1]) AS to_chance,
    count() AS chances,
    avg(said) AS said_chance,
    avg(came) AS came_share,
    -- more than two standard errors off, of at least 20
    (
        chances >= 20
        AND abs(said_chance - came_share)
            > 2 * sqrt(greatest(said_chance * (1 - said_chance), 1e-4) / chances)
    )::Bool AS is_off
FROM chances
GROUP BY kind, policy, policy_version, horizon, place
ORDER BY kind, policy, policy_version DESC, horizon_seconds, from_chance
