-- How full the disks that hold models were, day by day (UTC): the last that was said of each disk on a day. What
-- changed is told between days that follow each other, and unknown where nobody looked the day before.
-- Grain: one row per host, disk and day on which somebody looked.
-- Reads: inventory_items
-- Read by: disk_by_volume, stats disk-growth
SELECT
    day,
    host,
    volume,
    volume_bytes,
    free_bytes,
    toUInt64(if(volume_bytes > free_bytes, volume_bytes - free_bytes, 0)) AS used_bytes,
    if(
        lagInFrame(day) OVER before = day - 1,
        toInt64(used_bytes) - toInt64(lagInFrame(used_bytes) OVER before),
        NULL
    ) AS change_bytes
FROM (
    SELECT
        toDate(i.at, 'UTC') AS day,
        i.host::String AS host,
        i.volume::String AS volume,
        argMax(i.volume_bytes, i.at) AS volume_bytes,
        argMax(i.free_bytes, i.at) AS free_bytes
    FROM inventory_items AS i
    WHERE i.item = 'volume'
        AND i.at >= {since:DateTime64(6, 'UTC')}
        AND i.at < {until:DateTime64(6, 'UTC')}
    GROUP BY day, host, volume
)
WINDOW before AS (PARTITION BY host, volume ORDER BY day ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
ORDER BY host, volume, day
