-- When each model was loaded where, and until when: from the end of a load to the unload of the same model on the same
-- device by the same process, to its next load there, or to the last sign of the process. A process that gave a sign in
-- the last silent_after_seconds before as_of is still alive, and so is what it has loaded (closed_by 'open').
-- idle time is what no request of that model, device and process covers; requests side by side count once.
-- Read from the events, which are kept for 90 days as a rule; a load before the window is not seen.
-- Grain: one row per stay of a model on a device in a process.
-- Reads: usage_operations, heartbeats
-- Read by: residency_by_model
WITH
    -- what happened to one model on one device in one process, in the order of time
    stories AS (
        SELECT
            model,
            device::String AS device,
            service::String AS service,
            instance::String AS instance,
            arraySort(groupArrayIf(end, operation = 'model.load')) AS loads,
            arraySort(groupArrayIf(begin, operation = 'model.unload')) AS unloads,
            groupArrayIf((begin, end), operation = 'model.request') AS requests,
            max(end) AS last_end
        FROM (
            SELECT
                model,
                device,
                service,
                instance,
                operation,
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
        )
        GROUP BY model, device, service, instance
    ),

    beats AS (
        SELECT
            h.service::String AS service,
            h.instance::String AS instance,
            max(toDateTime64(h.at, 6, 'UTC')) AS last_beat,
            max(h.is_goodbye) AS has_left
        FROM heartbeats AS h
        WHERE h.at >= {since:DateTime64(6, 'UTC')} AND h.at <= {as_of:DateTime64(6, 'UTC')}
        GROUP BY service, instance
    ),

    -- with what is known of the process: a sign of it is the end of whatever it did, or a heartbeat
    lived AS (
        SELECT
            s.model AS model,
            s.device AS device,
            s.service AS service,
            s.instance AS instance,
            s.loads AS loads,
            s.unloads AS unloads,
            s.requests AS requests,
            greatest(s.last_of_process, b.last_beat) AS last_sign,
            NOT b.has_left
                AND last_sign >= {as_of:DateTime64(6, 'UTC')}
                    - toIntervalMicrosecond(toInt64({silent_after_seconds:Float64} * 1e6)) AS is_alive,
            if(is_alive, {as_of:DateTime64(6, 'UTC')}, last_sign) AS ends_at
        FROM (
            SELECT *, max(last_end) OVER (PARTITION BY service, instance) AS last_of_process
            FROM stories
            QUALIFY notEmpty(loads)
        ) AS s
        LEFT JOIN beats AS b ON b.service = s.service AND b.instance = s.instance
    ),

    -- each load with what ended it, and when: the next load that is later, the next unload, 0 for none. No lambda takes
    -- hold of an array, which the engine would copy for each element: a process may load every minute for a month
    ended AS (
        SELECT
            *,
            arrayReverseFill(
                (later, loaded_at) -> later != loaded_at,
                arrayResize(arrayPopFront(loads), length(loads), toDateTime64(0, 6, 'UTC')),
                loads
            ) AS later_loads,
            arraySort(arrayConcat(arrayMap(at -> (at, 0), loads), arrayMap(at -> (at, 1), unloads))) AS turns,
            arrayFilter(
                (next_unload, turn) -> turn.2 = 0,
                arrayPopBack(arrayReverseFill(
                    turn -> turn.2 = 1, arrayPushBack(turns, (toDateTime64(0, 6, 'UTC'), 1))
                )),
                turns
            ).1 AS next_unloads,
            arrayZip(later_loads, next_unloads) AS next,
            arrayMap(
                after -> multiIf(
                    after.2 != 0 AND (after.1 = 0 OR after.2 <= after.1), 'unload',
                    after.1 != 0, 'load',
                    is_alive, 'open',
                    'process end'
                ),
                next
            ) AS closings,
            arrayMap(
                (loaded_at, after, closed_by) -> greatest(
                    loaded_at,
                    multiIf(closed_by = 'unload', after.2, closed_by = 'load', after.1, ends_at)
                ),
                loads, next, closings
            ) AS ends
        FROM lived
    ),

    -- the same as a walk through time: at each step, how many requests have begun, how many run, how long any ran;
    -- requests side by side count once. A step is a number, four times the microsecond and what happens: 0 is a load or
    -- its end, 1 a request that begins, 2 one that ends
    walked AS (
        SELECT
            *,
            arrayMap(at -> toUnixTimestamp64Micro(at) * 4, loads) AS from_steps,
            arrayMap(at -> toUnixTimestamp64Micro(at) * 4, ends) AS to_steps,
            arrayConcat(from_steps, to_steps) AS edges,
            arraySort(arrayConcat(
                edges,
                arrayMap(at -> toUnixTimestamp64Micro(at) * 4 + 1, requests.1),
                arrayMap(at -> toUnixTimestamp64Micro(at) * 4 + 2, requests.2)
            )) AS steps,
            arrayMap(step -> bitAnd(step, 3), steps) AS happens,
            arrayCumSum(arrayMap(what -> what = 1, happens)) AS begun,
            arrayCumSum(arrayMap(what -> (what = 1) - (what = 2), happens)) AS running,
            arrayCumSum(
                arrayMap(
                    (passed_us, before) -> if(before > 0, passed_us, 0),
                    arrayDifference(arrayMap(step -> bitShiftRight(step, 2), steps)),
                    arrayPushFront(arrayPopBack(running), 0)
                )
            ) AS busy_us,
            -- those of the edges, sorted as the edges are, and brought back into their order
            arraySort(
                (one, place) -> place,
                arrayFilter(one -> bitAnd(one.1, 3) = 0, arrayZip(steps, begun, busy_us)),
                arraySort((place, edge) -> edge, arrayEnumerate(edges), edges)
            ) AS seen
        FROM ended
    )

SELECT
    model,
    device,
    service,
    instance,
    stay.1 AS loaded_at,
    stay.2 AS left_at,
    stay.3 AS closed_by,
    toUInt32(stay.5.2 - stay.4.2) AS requests,
    dateDiff('microsecond', loaded_at, left_at) / 1e6 AS resident_seconds,
    (stay.5.3 - stay.4.3) / 1e6 AS busy_seconds,
    resident_seconds - busy_seconds AS idle_seconds
FROM walked
ARRAY JOIN arrayZip(
    loads,
    ends,
    closings,
    arraySlice(seen, 1, length(loads)),
    arraySlice(seen, length(loads) + 1)
) AS stay
ORDER BY loaded_at, model, device, service, instance
