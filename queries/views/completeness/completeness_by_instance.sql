-- Whether what each process did is all here. A process counts what it starts, finishes and drops, and says so every
-- half minute and once more when it ends; against that stands what is stored of it.
-- Listed are the processes with a heartbeat in the window, and those that never sent one and whose operations began
-- before its end, and not all before it. Their numbers are of their whole life, whatever the window: counters that only
-- grow need no beginning.
--
-- stored counts identities with an end, nested ones, late ones and spans that are no events included; copies are one.
-- stored_unfinished are those whose end was never seen. quarantined came and cannot be counted. dropped is what the
-- process says it lost, by reason; problems are values left out and errors swallowed, no operation is lost by them.
-- verdict:
--   complete                started = stored + stored_unfinished + quarantined + dropped when it said goodbye
--   incomplete              it said goodbye, and less than it started came; unexplained is how much less
--   running                 its last word is newer than as_of - 90 s, or than three of its own intervals
--   ended without goodbye   killed: what it had not sent is lost, and how much that is nobody can tell: its last second
--                           while its receiver answered, all since then where it did not; unexplained is what it had
--                           started by its last word and never came, a lower bound; unknown where that is nothing
--   expired                 it began longer ago than event_retention_days, less is here than it started, and a month
--                           of events has been dropped since: nothing can be said any more
--   never reported          spans came, a heartbeat never did
-- What is stored is counted from rolls, which stay when a month of events expires; a month that expired before rolls
-- knew processes takes its operations away.
-- Grain: one row per process (service.instance.id); '' stands for every sender that names none.
-- Reads: heartbeats, usage_figures, usage_late, usage_quarantine, other_spans, frozen_months
-- Read by: stats completeness, doctor
WITH
    (SELECT max(frozen_at) FROM frozen_months) AS last_frozen_at,

    -- every process of which anything is stored, however long ago
    kept AS (
        SELECT
            splitByChar('\n', subject, 2)[2] AS instance,
            if(uniqExact(splitByChar('\n', subject, 2)[1]) = 1, any(splitByChar('\n', subject, 2)[1]), '') AS service,
            sum(operations) AS identities,
            sum(unfinished) AS stored_unfinished,
            min(first_at) AS first_start,
            max(last_at) AS last_start
        FROM (
            SELECT
                subject,
                sums.operations AS operations,
                length(unfinished_starts) AS unfinished,
                lows.first_at AS first_at,
                highs.last_at AS last_at
            FROM usage_figures(
                kind = 'instance',
                operation = '',
                since = '2000-01-01 00:00:00',
                until = '2100-01-01 00:00:00',
                finest = 'week'
            )
            UNION ALL
            SELECT
                concat(service, '\n', instance) AS subject,
                uniqExact(start, trace_id, span_id) AS operations,
                toUInt64(operations - uniqExactIf((start, trace_id, span_id), NOT is_unfinished)) AS unfinished,
                min(start) AS first_at,
                max(start) AS last_at
            FROM usage_late
            GROUP BY service, instance
        )
        GROUP BY instance
    ),

    said AS (
        SELECT
            instance,
            argMax(service, at) AS service,
            min(at)::Nullable(DateTime64(9, 'UTC')) AS first_heartbeat_at,
            max(at)::Nullable(DateTime64(9, 'UTC')) AS last_heartbeat_at,
            min(received_at) AS first_received_at,
            max(started)::Nullable(UInt64) AS started,
            max(finished)::Nullable(UInt64) AS finished,
            max(dropped)::Nullable(UInt64) AS dropped,
            maxMap(dropped_by_reason) AS dropped_by_reason,
            maxMap(problems_by_kind) AS problems_by_kind,
            argMax(in_flight, at)::Nullable(UInt64) AS in_flight,
            max(is_goodbye) AS said_goodbye,
            -- a process may have been told to speak more seldom than every 30 s
            greatest(
                90, 3 * dateDiff('second', min(at), max(at)) / greatest(uniqExact(at) - 1, 1)
            ) AS patience_seconds
        FROM heartbeats
        WHERE instance IN (
            SELECT heard.instance
            FROM heartbeats AS heard
            WHERE heard.at >= {since:DateTime64(6, 'UTC')} AND heard.at < {until:DateTime64(6, 'UTC')}
        )
        GROUP BY instance
    ),

    beside AS (
        SELECT instance, uniqExact(start, trace_id, span_id) AS spans
        FROM other_spans
        GROUP BY instance
    ),

    refused AS (
        SELECT instance, uniqExact(trace_id, span_id) AS quarantined
        FROM usage_quarantine
        WHERE instance != ''
        GROUP BY instance
    ),

    compared AS (
        SELECT
            if(said.instance != '', said.instance, kept.instance) AS instance,
            if(said.service != '', said.service, kept.service) AS service,
            said.first_heartbeat_at AS first_heartbeat_at,
            said.last_heartbeat_at AS last_heartbeat_at,
            said.started AS started,
            said.finished AS finished,
            kept.identities - kept.stored_unfinished + beside.spans AS stored,
            kept.stored_unfinished AS stored_unfinished,
            refused.quarantined AS quarantined,
            said.dropped AS dropped,
            said.dropped_by_reason AS dropped_by_reason,
            said.problems_by_kind AS problems_by_kind,
            said.in_flight AS in_flight,
            said.said_goodbye AS said_goodbye,
            greatest(
                0,
                toInt64(said.started) - toInt64(stored + stored_unfinished + quarantined) - toInt64(said.dropped)
            ) AS missing,
            multiIf(
                isNull(said.last_heartbeat_at), 'never reported',
                said.said_goodbye AND missing = 0, 'complete',
                missing > 0
                    AND said.first_received_at
                        < {as_of:DateTime64(6, 'UTC')} - toIntervalDay({event_retention_days:UInt32})
                    AND said.first_received_at < last_frozen_at,
                'expired',
                said.said_goodbye, 'incomplete',
                said.last_heartbeat_at
                    > {as_of:DateTime64(6, 'UTC')} - toIntervalMillisecond(toInt64(said.patience_seconds * 1000)),
                'running',
                'ended without goodbye'
            ) AS verdict
        FROM said
        FULL JOIN kept ON kept.instance = said.instance
        LEFT JOIN beside ON beside.instance = if(said.instance != '', said.instance, kept.instance)
        LEFT JOIN refused ON refused.instance = if(said.instance != '', said.instance, kept.instance)
        -- who never said anything is listed where it lived in the window
        WHERE isNotNull(said.last_heartbeat_at)
            OR (
                kept.first_start < {until:DateTime64(6, 'UTC')}
                AND kept.last_start >= {since:DateTime64(6, 'UTC')}
                AND kept.instance NOT IN (SELECT instance FROM heartbeats)
            )
    )

SELECT
    instance,
    service,
    verdict,
    multiIf(
        verdict IN ('complete', 'incomplete'), missing,
        verdict = 'ended without goodbye', nullIf(missing, 0),
        NULL
    ) AS unexplained,
    first_heartbeat_at,
    last_heartbeat_at,
    started,
    finished,
    stored,
    stored_unfinished,
    quarantined,
    dropped,
    dropped_by_reason,
    problems_by_kind,
    in_flight,
    said_goodbye
FROM compared
ORDER BY
    indexOf(['incomplete', 'ended without goodbye', 'never reported', 'expired', 'running', 'complete'], verdict),
    last_heartbeat_at DESC,
    instance
