-- What hosts say of their disks, typed; what says no item, or has a figure that no disk can have, is not kept.
-- Reads: otel_traces
CREATE MATERIALIZED VIEW IF NOT EXISTS inventory_items_from_spans TO inventory_items AS
WITH SpanAttributes AS a
SELECT
    ResourceAttributes['host.name'] AS host,
    a['modeltally.store.kind'] AS store,
    a['modeltally.store.location'] AS location,
    toTimeZone(Timestamp, 'UTC') AS at,
    a['modeltally.inventory.item'] AS item,
    a['modeltally.model.id'] AS model,
    a['modeltally.model.commit'] AS revision,
    a['modeltally.leftover.kind'] AS leftover,
    a['modeltally.volume.name'] AS volume,
    a['modeltally.cleanup.id'] AS cleanup,
    toFixedString(substring(unhex(SpanId), 1, 8), 8) AS span_id,
    ReceivedAt AS received_at,
    a['modeltally.model.state'] AS state,
    toUInt32OrZero(a['modeltally.inventory.items']) AS items,
    toUInt32OrZero(a['modeltally.inventory.files']) AS files,
    toUInt64OrZero(a['modeltally.inventory.size']) AS size_bytes,
    toUInt64OrZero(a['modeltally.inventory.freed']) AS freed_bytes,
    toUInt64OrZero(a['modeltally.volume.size']) AS volume_bytes,
    toUInt64OrZero(a['modeltally.volume.free']) AS free_bytes
FROM otel_traces
WHERE a['modeltally.operation'] = 'inventory'
    AND match(SpanId, '^[0-9a-f]{16}$')
    AND item IN ('store', 'model', 'revision', 'leftover', 'volume', 'removed', 'restored', 'purged')
    AND Timestamp >= toDateTime64('2000-01-01', 9, 'UTC')
    AND Timestamp <= ReceivedAt + INTERVAL 1 DAY
    AND NOT arrayExists(
        (name, value) -> name IN (
            'modeltally.inventory.items', 'modeltally.inventory.files', 'modeltally.inventory.size',
            'modeltally.inventory.freed', 'modeltally.volume.size', 'modeltally.volume.free'
        )
        AND NOT coalesce(toFloat64OrNull(value) BETWEEN 0 AND 1e18, false),
        mapKeys(a),
        mapValues(a)
    )
