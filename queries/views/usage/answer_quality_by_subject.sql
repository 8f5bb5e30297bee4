-- How far the figures of each subject of a kind, or of one of them, can be trusted, 0 to 1: analytics_quality_score =
-- 0.4 min(1, n / 20) + 0.2 min(1, days / 7) + 0.2 completeness + 0.2 (1 - known loss). Twenty operations over seven
-- days are enough; completeness is the mean share of the operations that say each of five facts: duration, quality,
-- context type, agent, user; the loss is what processes say they lost, of that and all that is stored of the window.
-- The pure reducer does the same. Beside it, how many different contexts (by id, or by type where there is no id) and
-- users (or agents, where there is no user) there were. Read from the events, which are kept for 90 days as a rule.
-- Grain: one row per subject with use in the window; the subject asked for, and all together (kind 'all'), always.
-- Reads: operations_by_subject, usage_figures, losses_of_window
-- Read by: stats answer-quality
WITH
    dateDiff('microsecond', {since:DateTime64(6, 'UTC')}, {until:DateTime64(6, 'UTC')}) / 8.64e10 AS days,

    counted AS (
        SELECT
            whose AS name,
            count() AS operations,
            uniqExactIf(context, context != '') AS contexts,
            uniqExactIf(who, who != (0, '')) AS users_or_agents,
            countIf(isNotNull(duration_us)) AS with_duration,
            countIf(isNotNull(quality_ppm)) AS with_quality,
            countIf(context_type != '') AS with_context_type,
            countIf(agent != '') AS with_agent,
            countIf(user_hash != 0) AS with_user
        FROM operations_by_subject(
            kind = {kind:String},
            only = '',
            subject = {subject:String},
            operation = {operation:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
        WHERE {kind:String} = 'all' OR whose != ''
        GROUP BY name
        UNION ALL
        SELECT {subject:String}, 0, 0, 0, 0, 0, 0, 0, 0
        FROM numbers(1)
        WHERE {kind:String} = 'all' OR {subject:String} != ''
    ),

    stored AS (
        SELECT sum(sums.operations) AS operations
        FROM usage_figures(
            kind = 'all',
            operation = '',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = 'week'
        )
    ),

    lost AS (
        SELECT l.dropped / (l.dropped + stored.operations) AS share
        FROM losses_of_window(since = {since:DateTime64(6, 'UTC')}, until = {until:DateTime64(6, 'UTC')}) AS l
        CROSS JOIN stored
    )

SELECT
    name AS subject,
    sum(c.operations) AS operations,
    sum(c.contexts) AS contexts,
    sum(c.users_or_agents) AS users_or_agents,
    sum(c.with_duration) AS with_duration,
    sum(c.with_quality) AS with_quality,
    sum(c.with_context_type) AS with_context_type,
    sum(c.with_agent) AS with_agent,
    sum(c.with_user) AS with_user,
    if(operations = 0, 0,
        (with_duration + with_quality + with_context_type + with_agent + with_user) / (operations * 5)) AS completeness,
    if(isNaN(any(lost.share)), 0, any(lost.share)) AS known_loss_share,
    0.4 * least(1., operations / 20)
        + 0.2 * least(1., days / 7)
        + 0.2 * completeness
        + 0.2 * (1 - coalesce(known_loss_share, 0)) AS analytics_quality_score
FROM counted AS c
CROSS JOIN lost
GROUP BY name
ORDER BY operations DESC, subject
