-- Bytes on the disks of hosts that no model needs, as the newest looks before the window's end saw them, at most 31
-- days before its begin: downloads that were left unfinished, files without a model, revisions that no name points at,
-- caches that are made again.
-- Grain: one row per host, store, kind of leftover and model.
-- Reads: inventory_last
-- Read by: stats rubbish
SELECT
    host,
    store,
    location,
    leftover,
    model,
    sum(files) AS places,
    sum(freed_bytes) AS freed_bytes,
    max(at)::DateTime64(6, 'UTC') AS seen_at
FROM inventory_last(until = {until:DateTime64(6, 'UTC')})
WHERE item = 'leftover'
    AND leftover != 'downloading'
    AND at >= {since:DateTime64(6, 'UTC')} - toIntervalDay(31)
GROUP BY host, store, location, leftover, model
ORDER BY freed_bytes DESC, host, store, location, leftover, model
