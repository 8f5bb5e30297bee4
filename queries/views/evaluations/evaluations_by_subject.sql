-- How operations were evaluated after they ran: by subject of a kind, by what was looked at and by who looked. Of each
-- operation the newest evaluation by each name and source counts, however often and in whatever order they came.
-- Evaluations whose operation has not come yet, or is not stored any more, are rows of their own without a subject
-- (is_operation_known is false), whatever the operation asked for; they join it when it comes. What ran inside another
-- operation of its kind is part of that one, and its evaluations are not here. Operations that say no subject of the
-- kind are one row with an empty one.
-- Read from the events, which are kept for 90 days as a rule.
-- Grain: one row per subject, name and source; one more per name and source without an operation.
-- Reads: evaluations_of_operations, evaluations, usage_events
-- Read by: stats evaluations
SELECT
    subject,
    evaluation,
    source,
    (known_first = 0)::Bool AS is_operation_known,
    count() AS evaluated,
    sum(score_ppm) / evaluated / 1e6 AS mean_score,
    min(score_ppm) / 1e6 AS min_score,
    max(score_ppm) / 1e6 AS max_score,
    argMax(score_ppm, (evaluated_at, score_ppm)) / 1e6 AS last_score,
    max(evaluated_at)::DateTime64(6, 'UTC') AS last_evaluated_at
FROM (
    SELECT 0 AS known_first, subject, evaluation, source, evaluated_at, score_ppm
    FROM evaluations_of_operations(
        kind = {kind:String},
        operation = {operation:String},
        since = {since:DateTime64(6, 'UTC')},
        until = {until:DateTime64(6, 'UTC')},
        as_of = {as_of:DateTime64(6, 'UTC')},
        abandoned_after_seconds = {abandoned_after_seconds:Float64}
    )
    UNION ALL
    SELECT
        1,
        '',
        e.name::String,
        e.source::String,
        max(e.evaluated_at),
        argMax(e.score_ppm, (e.evaluated_at, e.score_ppm))
    FROM evaluations AS e
    WHERE e.start >= {since:DateTime64(6, 'UTC')}
        AND e.start < {until:DateTime64(6, 'UTC')}
        AND (e.start, e.trace_id, e.span_id) NOT IN (
            SELECT (u.start, u.trace_id, u.span_id)
            FROM usage_events AS u
            WHERE u.start >= {since:DateTime64(6, 'UTC')}
                AND u.start < {until:DateTime64(6, 'UTC')}
                AND (u.start, u.trace_id, u.span_id) IN (
                    SELECT (v.start, v.trace_id, v.span_id)
                    FROM evaluations AS v
                    WHERE v.start >= {since:DateTime64(6, 'UTC')}
                        AND v.start < {until:DateTime64(6, 'UTC')}
                )
        )
    GROUP BY e.start, e.trace_id, e.span_id, e.name, e.source
)
GROUP BY subject, evaluation, source, known_first
ORDER BY known_first, evaluated DESC, subject, evaluation, source
