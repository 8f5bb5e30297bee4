-- What hosts last said of their stores before the window's end: of each store the newest look of which every item came,
-- made within 31 days before that end. A look into a store says how many items it tells of.
-- Grain: one row per item of those looks.
-- Reads: inventory_items
-- Read by: models_on_disk, rubbish_on_disk, disk_by_volume, cleanup_effect
SELECT
    i.host::String AS host,
    i.store::String AS store,
    i.location::String AS location,
    i.at AS at,
    i.item::String AS item,
    i.model::String AS model,
    i.revision AS revision,
    i.leftover::String AS leftover,
    i.volume::String AS volume,
    i.state::String AS state,
    i.files AS files,
    i.size_bytes AS size_bytes,
    i.freed_bytes AS freed_bytes
FROM inventory_items AS i FINAL
WHERE i.item IN ('store', 'model', 'revision', 'leftover')
    AND i.at >= {until:DateTime64(6, 'UTC')} - toIntervalDay(31)
    AND i.at < {until:DateTime64(6, 'UTC')}
    AND (i.host, i.store, i.location, i.at) IN (
        SELECT (looks.host, looks.store, looks.location, max(looks.at))
        FROM (
            SELECT
                l.host AS host,
                l.store AS store,
                l.location AS location,
                l.at AS at,
                countIf(l.item = 'store') AS heads,
                count() - heads AS came,
                maxIf(l.items, l.item = 'store') AS told
            FROM inventory_items AS l FINAL
            WHERE l.item IN ('store', 'model', 'revision', 'leftover')
                AND l.at >= {until:DateTime64(6, 'UTC')} - toIntervalDay(31)
                AND l.at < {until:DateTime64(6, 'UTC')}
            GROUP BY l.host, l.store, l.location, l.at
        ) AS looks
        WHERE looks.heads > 0 AND looks.came = looks.told
        GROUP BY looks.host, looks.store, looks.location
    )
