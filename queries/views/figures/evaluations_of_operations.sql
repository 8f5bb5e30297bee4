-- What was said of operations after they ran: of each the newest evaluation by each name and source, beside whose the
-- operation is, by its name. One whose operation has not come, or is not stored any more, is not here, nor one of what
-- ran inside another operation of its kind.
-- Read from the events, which are kept for 90 days as a rule: evaluations that come late change no roll.
-- Grain: one row per operation, name and source.
-- Reads: evaluations, operations_by_subject
-- Read by: evaluated_quality, evaluations_by_subject
WITH
    newest AS (
        SELECT
            e.start AS start,
            lower(hex(e.trace_id)) AS trace,
            lower(hex(e.span_id)) AS span,
            e.name AS name,
            e.source AS source,
            -- not by FINAL, which on a cluster knows one shard: an evaluation is on the shard of its own span
            max(e.evaluated_at) AS last_at,
            argMax(e.score_ppm, (e.evaluated_at, e.score_ppm)) AS last_ppm
        FROM evaluations AS e
        WHERE e.start >= {since:DateTime64(6, 'UTC')}
            AND e.start < {until:DateTime64(6, 'UTC')}
        GROUP BY start, trace, span, name, source
    )

SELECT
    o.whose AS subject,
    o.start AS start,
    o.trace AS trace,
    o.span AS span,
    v.name::String AS evaluation,
    v.source::String AS source,
    v.last_at AS evaluated_at,
    v.last_ppm AS score_ppm,
    isNotNull(o.quality_ppm) AS has_own_quality
FROM operations_by_subject(
    kind = {kind:String},
    only = 'evaluated',
    subject = '',
    operation = {operation:String},
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
) AS o
INNER JOIN newest AS v ON v.start = o.start AND v.trace = o.trace AND v.span = o.span
