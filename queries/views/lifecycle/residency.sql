-- When each model was loaded where, and until when: from the end of a load to the unload of the same model on the same
-- device by the same process, to its next load there, or to the last sign of the process. A process that gave a sign in
-- the last silent_after_seconds before as_of is still alive, and so is what it has loaded (closed_by 'open').
-- idle time is what no request of that model, device and process covers; requests side by side count once.
-- Read from the events, which are kept for 90 days as a rule; a load before the window is not seen.
-- Grain: one row per stay of a model on a device in a process.
-- Reads: usage_operations, heartbeats
-- Read by: residency_by_model
WITH
    said AS (
        SELECT
            model,
            device::String AS device,
            service::String AS service,
            instance::String AS instance,
            operation::String AS operation,
            outcome,
            toDateTime64(start, 6, 'UTC') AS begin,
            begin + toIntervalMicrosecond(coalesce(duration_us, 0)) AS end
        FROM usage_operations(
            kind = '',
            subject = '',
            operation = '',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
        WHERE model != ''
            AND operation IN ('model.load', 'model.unload', 'model.request')
            AND (operation != 'model.load' OR outcome = 'success')
            AND begin <= {as_of:DateTime64(6, 'UTC')}
    ),

    signs AS (
        SELECT service, instance, max(at) AS last_at, max(is_goodbye) AS has_left
        FROM (
            SELECT
                h.service::String AS service,
                h.instance::String AS instance,
                toDateTime64(h.at, 6, 'UTC') AS at,
                is_goodbye
            FROM heartbeats AS h
            WHERE h.at >= {since:DateTime64(6, 'UTC')} AND h.at <= {as_of:DateTime64(6, 'UTC')}
            UNION ALL
            SELECT service, instance, end, false FROM said
        )
        GROUP BY service, instance
    ),

    lives AS (
        SELECT
            service,
            instance,
            NOT has_left
                AND last_at >= {as_of:DateTime64(6, 'UTC')}
                    - toIntervalMicrosecond(toInt64({silent_after_seconds:Float64} * 1e6)) AS is_alive,
            if(is_alive, {as_of:DateTime64(6, 'UTC')}, last_at) AS ends_at
        FROM signs
    ),

    -- what happened to one model on one device in one process, in the order of time
    stories AS (
        SELECT
            model,
            device,
            service,
            instance,
            arraySort(groupArrayIf(end, operation = 'model.load')) AS loads,
            arraySort(groupArrayIf(begin, operation = 'model.unload')) AS unloads,
            arraySort(groupArrayIf((begin, end), operation = 'model.request')) AS requests
        FROM said
        GROUP BY model, device, service, instance
        HAVING notEmpty(loads)
    ),

    stays AS (
        SELECT
            model,
            device,
            service,
            instance,
            requests,
            loaded_at,
            arrayFirst(at -> at > loaded_at, loads) AS next_load,
            arrayFirst(at -> at >= loaded_at, unloads) AS next_unload
        FROM stories
        ARRAY JOIN loads AS loaded_at
    ),

    told AS (
        SELECT
            s.model AS model,
            s.device AS device,
            s.service AS service,
            s.instance AS instance,
            s.loaded_at AS loaded_at,
            s.requests AS requests,
            multiIf(
                next_unload != 0 AND (next_load = 0 OR next_unload <= next_load), 'unload',
                next_load != 0, 'load',
                l.is_alive, 'open',
                'process end'
            ) AS closed_by,
            greatest(
                s.loaded_at,
                multiIf(closed_by = 'unload', next_unload, closed_by = 'load', next_load, l.ends_at)
            ) AS left_at
        FROM stays AS s
        LEFT JOIN lives AS l ON l.service = s.service AND l.instance = s.instance
    )

SELECT
    model,
    device,
    service,
    instance,
    loaded_at,
    left_at,
    closed_by,
    toUInt32(arrayCount(one -> one.1 >= loaded_at AND one.1 < left_at, t.requests)) AS requests,
    dateDiff('microsecond', loaded_at, left_at) / 1e6 AS resident_seconds,
    -- requests side by side count once: each adds what none before it reached
    tupleElement(arrayFold(
        (sofar, one) -> (
            greatest(sofar.1, least(one.2, left_at)),
            sofar.2 + greatest(dateDiff('microsecond', greatest(sofar.1, one.1), least(one.2, left_at)), 0)
        ),
        t.requests,
        (loaded_at, toInt64(0))
    ), 2) / 1e6 AS busy_seconds,
    resident_seconds - busy_seconds AS idle_seconds
FROM told AS t
ORDER BY loaded_at, model, device, service, instance
