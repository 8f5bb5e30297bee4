-- How it stands with the files of each model: what its last health check found, how its last downloads ended, and how
-- much it is used. Checks and downloads are read from the events, which are kept for 90 days as a rule.
-- Grain: one row per model that was downloaded or checked in the window.
-- Reads: usage_events, aliases, usage_summary
-- Read by: the advice on downloads
WITH
    (
        SELECT tuple(groupArray(alias), groupArray(name))
        FROM aliases FINAL
        WHERE kind = 'model' AND name != ''
    ) AS model_names,

    -- of copies the finished one, then the first received
    told AS (
        SELECT
            if(has(model_names.1, e.model), model_names.2[indexOf(model_names.1, e.model)], e.model)::String AS model,
            operation,
            outcome,
            start,
            model_priority,
            files_checked,
            files_missing,
            files_corrupted,
            health_status,
            error_type,
            is_unfinished
                AND start <= {as_of:DateTime64(6, 'UTC')}
                    - toIntervalMicrosecond(toInt64({abandoned_after_seconds:Float64} * 1e6)) AS is_abandoned,
            is_unfinished AND NOT is_abandoned AS is_in_flight
        FROM usage_events AS e
        WHERE e.start >= {since:DateTime64(6, 'UTC')}
            AND e.start < {until:DateTime64(6, 'UTC')}
            AND e.operation IN ('model.health_check', 'model.download')
            AND e.is_counted
        ORDER BY e.start, e.trace_id, e.span_id, e.is_unfinished, e.received_at
        LIMIT 1 BY e.start, e.trace_id, e.span_id
    ),

    looked_at AS (
        SELECT
            model,
            anyLastIf(model_priority::String, model_priority != '') AS said_priority,
            countIf(operation = 'model.health_check') AS checks,
            argMaxIf(
                (start, files_checked, files_missing, files_corrupted, health_status::String),
                start,
                operation = 'model.health_check'
            ) AS last_check,
            countIf(operation = 'model.download') AS downloads,
            maxIf(start, operation = 'model.download' AND outcome = 'success') AS downloaded_at,
            countIf(operation = 'model.download' AND (outcome IN ('failure', 'error') OR is_abandoned)) AS failures,
            maxIf(
                start, operation = 'model.download' AND (outcome IN ('failure', 'error') OR is_abandoned)
            ) AS failed_at,
            argMaxIf(
                error_type::String, start, operation = 'model.download' AND outcome IN ('failure', 'error')
            ) AS last_error,
            maxIf(start, operation = 'model.download' AND is_in_flight) AS loading_since
        FROM told
        WHERE model != ''
        GROUP BY model
    ),

    asked AS (
        SELECT key AS model, operations, last_used_at
        FROM usage_summary(
            kind = 'model',
            operation = 'model.request',
            by = 'subject',
            per = '',
            zone = 'UTC',
            finest = 'week',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
    )

SELECT
    l.model AS model,
    l.said_priority AS said_priority,
    if(l.checks = 0, NULL, l.last_check.1) AS checked_at,
    l.last_check.2 AS files_checked,
    l.last_check.3 AS files_missing,
    l.last_check.4 AS files_corrupted,
    l.last_check.5 AS health_status,
    l.downloads AS downloads,
    l.failures AS download_failures,
    if(l.failures = 0, NULL, l.failed_at) AS failed_at,
    l.last_error AS last_error,
    if(l.downloaded_at = 0, NULL, l.downloaded_at) AS downloaded_at,
    if(l.loading_since = 0, NULL, l.loading_since) AS loading_since,
    a.operations AS requests,
    if(a.operations = 0, NULL, a.last_used_at) AS last_used_at
FROM looked_at AS l
LEFT JOIN asked AS a ON a.model = l.model
ORDER BY model
