-- What removals came to: the bytes of each model that was removed in the window, whether they are free by now, and
-- whether the model came back: brought back from the trash, downloaded again, or there at a later look.
-- Grain: one row per removal and model.
-- Reads: inventory_items, inventory_last, usage_named_figures, aliases
-- Read by: stats cleanup-effect
WITH
    (
        SELECT tuple(groupArray(alias), groupArray(name))
        FROM aliases FINAL
        WHERE kind = 'model' AND name != ''
    ) AS names,

    removals AS (
        SELECT
            i.cleanup::String AS cleanup,
            i.host::String AS host,
            i.store::String AS store,
            i.model::String AS model,
            if(has(names.1, model), names.2[indexOf(names.1, model)], model)::String AS called,
            minIf(i.at, i.item = 'removed') AS removed_at,
            maxIf(i.size_bytes, i.item = 'removed') AS removed_bytes,
            maxIf(i.freed_bytes, i.item = 'removed') AS freed_at_once,
            maxIf(i.freed_bytes, i.item = 'purged') AS freed_later,
            maxIf(i.at, i.item = 'purged') AS purged_at,
            maxIf(i.at, i.item = 'restored') AS restored_at
        FROM inventory_items AS i FINAL
        WHERE i.cleanup != '' AND i.item IN ('removed', 'restored', 'purged')
        GROUP BY i.cleanup, i.host, i.store, i.model
        HAVING removed_at >= {since:DateTime64(6, 'UTC')} AND removed_at < {until:DateTime64(6, 'UTC')}
    ),

    happened AS (
        SELECT
            name,
            maxIf(highs.last_at, operation = 'model.download') AS last_downloaded_at,
            maxIf(highs.last_at, operation = 'model.request') AS last_asked_at
        FROM usage_named_figures(
            kind = 'model',
            operation = '',
            since = '2000-01-01 00:00:00',
            until = {until:DateTime64(6, 'UTC')},
            finest = 'week'
        )
        GROUP BY name
    ),

    there AS (
        SELECT host, store, model, max(at) AS seen_at
        FROM inventory_last(until = {until:DateTime64(6, 'UTC')})
        WHERE item = 'model' AND size_bytes > 0
        GROUP BY host, store, model
    )

SELECT
    r.called AS model,
    r.cleanup AS cleanup,
    r.host AS host,
    r.store AS store,
    r.removed_at::DateTime64(6, 'UTC') AS removed_at,
    r.removed_bytes AS removed_bytes,
    if(r.restored_at != 0, 0, r.freed_at_once + r.freed_later) AS freed_bytes,
    multiIf(
        r.restored_at != 0, 'restored',
        r.purged_at != 0, 'purged',
        r.freed_at_once < r.removed_bytes, 'in the trash',
        'gone'
    ) AS state,
    if(w.last_downloaded_at > r.removed_at, w.last_downloaded_at, NULL)::Nullable(DateTime64(6, 'UTC'))
        AS downloaded_again_at,
    if(w.last_asked_at > r.removed_at, w.last_asked_at, NULL)::Nullable(DateTime64(6, 'UTC')) AS asked_again_at,
    (r.restored_at != 0 OR downloaded_again_at IS NOT NULL OR t.seen_at > r.removed_at)::Bool AS is_back
FROM removals AS r
LEFT JOIN happened AS w ON w.name = r.called
LEFT JOIN there AS t ON t.host = r.host AND t.store = r.store AND t.model = r.model
ORDER BY removed_at DESC, removed_bytes DESC, model, cleanup, host, store
