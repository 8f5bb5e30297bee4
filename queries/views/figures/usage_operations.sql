-- Every operation of a window once, from its events: for what rolls do not know. It answers for what is still there,
-- 90 days as a rule; what usage_figures tells of a window is the same count.
-- kind and subject choose whose: a model, pattern, project, agent, service, session, context, user (by the hex of the
-- hash) and so on by name; kind '' is everybody's, kind 'evaluated' those that somebody evaluated. operation is the one
-- to read, '' reads each. What ran inside another operation of its kind is part of that one and not here.
-- Copies collapse as figures_raw has it: a copy that does not count wins over those of the service it speaks of, then a
-- finished one over an unfinished one, then the first received. Of the columns only those asked for are read.
-- Grain: one row per operation.
-- Reads: usage_events, aliases, evaluations
-- Read by: operations_by_subject, usage_by_attribute, the views about one subject
WITH
    (
        SELECT tuple(groupArray(alias), groupArray(name))
        FROM aliases FINAL
        WHERE kind = 'model' AND name != ''
    ) AS model_names,

    (
        SELECT tuple(groupArray(alias), groupArray(name))
        FROM aliases FINAL
        WHERE kind = 'pattern' AND name != ''
    ) AS pattern_names,

    reinterpretAsUInt64(reverse(unhex({subject:String}))) AS user_asked

SELECT
    o.* EXCEPT (trace_id, span_id, model, pattern, reject_reason, is_counted),
    lower(hex(o.trace_id)) AS trace,
    lower(hex(o.span_id)) AS span,
    if(has(model_names.1, o.model), model_names.2[indexOf(model_names.1, o.model)], o.model)::String AS model,
    if(has(pattern_names.1, o.pattern), pattern_names.2[indexOf(pattern_names.1, o.pattern)], o.pattern)::String
        AS pattern,
    o.is_unfinished
        AND o.start <= {as_of:DateTime64(6, 'UTC')}
            - toIntervalMicrosecond(toInt64({abandoned_after_seconds:Float64} * 1e6)) AS is_abandoned,
    o.is_unfinished AND NOT is_abandoned AS is_in_flight,
    isNotNull(o.duration_us) AND o.outcome != 'cancelled' AS has_duration
FROM (
    SELECT e.*
    FROM usage_events AS e
    WHERE e.start >= {since:DateTime64(6, 'UTC')}
        AND e.start < {until:DateTime64(6, 'UTC')}
        -- all copies of what any copy says of the subject; which of them counts may say otherwise
        AND (
            {kind:String} IN ('', 'evaluated')
            OR (e.start, e.trace_id, e.span_id) IN (
                SELECT (s.start, s.trace_id, s.span_id)
                FROM usage_events AS s
                WHERE s.start >= {since:DateTime64(6, 'UTC')}
                    AND s.start < {until:DateTime64(6, 'UTC')}
                    AND if({kind:String} = 'model',
                        s.model = {subject:String}
                            OR has(arrayFilter((a, n) -> n = {subject:String}, model_names.1, model_names.2), s.model),
                        true)
                    AND if({kind:String} = 'pattern',
                        s.pattern = {subject:String}
                            OR has(
                                arrayFilter((a, n) -> n = {subject:String}, pattern_names.1, pattern_names.2), s.pattern
                            ),
                        true)
                    AND if({kind:String} = 'project', s.project = {subject:String}, true)
                    AND if({kind:String} = 'agent', s.agent = {subject:String}, true)
                    AND if({kind:String} = 'service', s.service = {subject:String}, true)
                    AND if({kind:String} = 'context_type', s.context_type = {subject:String}, true)
                    AND if({kind:String} = 'file_type', s.file_type = {subject:String}, true)
                    AND if({kind:String} = 'error_type', s.error_type = {subject:String}, true)
                    AND if({kind:String} = 'session', s.session = {subject:String}, true)
                    AND if({kind:String} = 'context', s.context_id = {subject:String}, true)
                    AND if({kind:String} = 'user', s.user_hash = user_asked, true)
            )
        )
        -- by the key of the table, so that what nobody evaluated is not read
        AND if(
            {kind:String} = 'evaluated',
            (e.start, e.trace_id, e.span_id) IN (
                SELECT (v.start, v.trace_id, v.span_id)
                FROM evaluations AS v
                WHERE v.start >= {since:DateTime64(6, 'UTC')}
                    AND v.start < {until:DateTime64(6, 'UTC')}
            ),
            true
        )
    ORDER BY
        e.start, e.trace_id, e.span_id,
        multiIf(
            NOT e.is_counted, 1,
            e.start IN (
                SELECT n.start
                FROM usage_events AS n
                WHERE NOT n.is_counted
                    AND n.start >= {since:DateTime64(6, 'UTC')}
                    AND n.start < {until:DateTime64(6, 'UTC')}
            )
            AND (e.start, e.trace_id, e.span_id, e.service) IN (
                SELECT (c.start, c.trace_id, c.span_id, if(c.marked_service = '', c.service, c.marked_service))
                FROM usage_events AS c
                WHERE NOT c.is_counted
                    AND c.start >= {since:DateTime64(6, 'UTC')}
                    AND c.start < {until:DateTime64(6, 'UTC')}
                    AND if(
                        {kind:String} = 'evaluated',
                        (c.start, c.trace_id, c.span_id) IN (
                            SELECT (w.start, w.trace_id, w.span_id)
                            FROM evaluations AS w
                            WHERE w.start >= {since:DateTime64(6, 'UTC')}
                                AND w.start < {until:DateTime64(6, 'UTC')}
                        ),
                        true
                    )
            ), 2,
            0
        ),
        e.is_unfinished, e.received_at, e.operation, e.outcome, e.model, e.pattern, e.error_type, e.user_hash DESC,
        e.duration_us
    LIMIT 1 BY e.start, e.trace_id, e.span_id
) AS o
WHERE o.is_counted
    AND ({operation:String} = '' OR o.operation = {operation:String})
    AND if({kind:String} = 'model', model = {subject:String}, true)
    AND if({kind:String} = 'pattern', pattern = {subject:String}, true)
    AND if({kind:String} = 'project', o.project = {subject:String}, true)
    AND if({kind:String} = 'agent', o.agent = {subject:String}, true)
    AND if({kind:String} = 'service', o.service = {subject:String}, true)
    AND if({kind:String} = 'context_type', o.context_type = {subject:String}, true)
    AND if({kind:String} = 'file_type', o.file_type = {subject:String}, true)
    AND if({kind:String} = 'error_type', o.error_type = {subject:String}, true)
    AND if({kind:String} = 'session', o.session = {subject:String}, true)
    AND if({kind:String} = 'context', o.context_id = {subject:String}, true)
    AND if({kind:String} = 'user', o.user_hash = user_asked, true)
