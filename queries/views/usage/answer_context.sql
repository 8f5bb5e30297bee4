-- What an answer about a window rests on: the window as served, the newest data, what is known to be lost.
-- A window over events that are gone snaps outward to whole hours. coverage is 'exact' where only operations of our own
-- wrappers are counted, which no sampler touches; 'unknown' where instrumentations of others told of some on one of its
-- days, whose samplers may have left out any number; null where nothing began. Losses are what each process said of
-- itself, null where none said anything in the window: then nobody knows.
-- Grain: one row.
-- Reads: usage_cover, usage_figures, losses_of_window, usage_late, usage_quarantine, layer_days
-- Read by: every answer shown to a person
WITH
    served AS (
        SELECT
            arrayDistinct(groupArrayArray(hours)) AS hours,
            arrayDistinct(groupArrayArray(raw)) AS raw
        FROM usage_cover(
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = 'week'
        )
    ),

    losses AS (
        SELECT dropped
        FROM losses_of_window(since = {since:DateTime64(6, 'UTC')}, until = {until:DateTime64(6, 'UTC')})
    ),

    newest AS (
        SELECT max(highs.received_at) AS received_at
        FROM usage_figures(
            kind = 'all',
            operation = '',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = 'week'
        )
    ),

    refused AS (
        -- what is sent again is refused again; what has no id of the right length may be another each time
        SELECT
            uniqExactIf((trace_id, span_id, reason, detail), length(trace_id) = 32 AND length(span_id) = 16)
                + countIf(length(trace_id) != 32 OR length(span_id) != 16) AS quarantined
        FROM usage_quarantine
        WHERE received_at >= {since:DateTime64(6, 'UTC')} AND received_at < {until:DateTime64(6, 'UTC')}
    ),

    late AS (
        SELECT uniqExact(start, trace_id, span_id) AS late
        FROM usage_late
        WHERE start >= {since:DateTime64(6, 'UTC')} AND start < {until:DateTime64(6, 'UTC')}
    ),

    others AS (
        SELECT count() AS days
        FROM layer_days
        WHERE day >= toDate({since:DateTime64(6, 'UTC')})
            AND day <= toDate({until:DateTime64(6, 'UTC')} - INTERVAL 1 MICROSECOND)
    )

SELECT
    -- hours whose events are gone count whole
    arrayMin(arrayPushFront(
        arrayMap(hour -> toDateTime64(hour, 6, 'UTC'), served.hours), {since:DateTime64(6, 'UTC')}
    )) AS window_since,
    arrayMax(arrayPushFront(
        arrayMap(hour -> toDateTime64(hour, 6, 'UTC') + 3600, served.hours), {until:DateTime64(6, 'UTC')}
    )) AS window_until,
    if(newest.received_at = 0, NULL, newest.received_at) AS newest_at,
    multiIf(newest.received_at = 0, NULL, others.days > 0, 'unknown', 'exact') AS coverage,
    losses.dropped AS known_loss,
    length(served.raw) AS dirty_hours,
    refused.quarantined AS quarantined,
    late.late AS late
FROM served
CROSS JOIN losses
CROSS JOIN newest
CROSS JOIN refused
CROSS JOIN late
CROSS JOIN others
