-- What lies on the disks of hosts against its use: each model of each store as the newest look before the window's end
-- saw it, beside the requests of the window and the last use ever. A model goes by its name in the store, or by what an
-- alias makes of that.
-- Grain: one row per host, store and model.
-- Reads: inventory_last, usage_named_figures, usage_summary, aliases
-- Read by: stats inventory
WITH
    (
        SELECT tuple(groupArray(alias), groupArray(name))
        FROM aliases FINAL
        WHERE kind = 'model' AND name != ''
    ) AS names,

    held AS (
        SELECT
            host,
            store,
            location,
            if(has(names.1, model), names.2[indexOf(names.1, model)], model)::String AS called,
            anyIf(state, item = 'model') AS state,
            sumIf(size_bytes, item = 'model') AS size_bytes,
            sumIf(freed_bytes, item = 'model') AS freed_bytes,
            countIf(item = 'revision') AS revisions,
            max(at) AS seen_at
        FROM inventory_last(until = {until:DateTime64(6, 'UTC')})
        WHERE item IN ('model', 'revision')
        GROUP BY host, store, location, called
    ),

    used AS (
        SELECT name, max(highs.last_at) AS last_used_at
        FROM usage_named_figures(
            kind = 'model',
            operation = 'model.request',
            since = '2000-01-01 00:00:00',
            until = {until:DateTime64(6, 'UTC')},
            finest = 'week'
        )
        GROUP BY name
    ),

    asked AS (
        SELECT key AS name, operations, users
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
    h.called AS model,
    h.host AS host,
    h.store AS store,
    h.location AS location,
    h.state AS state,
    h.size_bytes AS size_bytes,
    h.freed_bytes AS freed_bytes,
    if(sum(h.size_bytes) OVER () = 0, NULL, h.size_bytes / sum(h.size_bytes) OVER ()) AS share_of_bytes,
    h.revisions AS revisions,
    a.operations AS requests,
    a.users AS users,
    if(requests = 0, NULL, h.size_bytes / requests) AS bytes_per_request,
    if(u.last_used_at = 0, NULL, u.last_used_at)::Nullable(DateTime64(6, 'UTC')) AS last_used_at,
    h.seen_at::DateTime64(6, 'UTC') AS seen_at
FROM held AS h
LEFT JOIN asked AS a ON a.name = h.called
LEFT JOIN used AS u ON u.name = h.called
ORDER BY size_bytes DESC, model, host, store, location
