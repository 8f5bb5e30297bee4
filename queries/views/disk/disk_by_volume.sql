-- How full each disk that holds models is, how much more of it is used each day, and when it will be full. growth is
-- the mean change from one day to the next, of days of the window that follow each other. Days until full are told
-- from 7 such changes on, and only where the disk fills: free bytes by growth, between the bounds at which what is
-- expected after that many days, give or take its error at 90%, reaches the free bytes. The error is that of the mean
-- and of the changes to come, taken to be independent: the bounds are the roots of (free - growth d)^2 = t^2 s^2 (d +
-- d^2 / n), with Student's t for n - 1 changes (Hill's expansion). Without an upper root it may never be full, and the
-- upper bound is unknown.
-- Grain: one row per host and disk that somebody looked at in the window.
-- Reads: disk_by_day, inventory_last
-- Read by: stats disk
WITH
    days AS (
        SELECT
            host,
            volume,
            argMax(volume_bytes, day) AS size_bytes,
            argMax(free_bytes, day) AS free,
            max(day) AS seen_day,
            count(change_bytes) AS changes,
            if(changes = 0, NULL, avg(change_bytes)) AS growth,
            if(changes < 7, NULL, varSampStable(change_bytes)) AS variance,
            -- of the normal distribution 1.6449, with as many degrees of freedom as there are changes but one
            if(changes < 7, NULL, 1.6449 + 1.5239 / (changes - 1) + 1.4202 / pow(changes - 1, 2)) AS t,
            pow(t, 2) * variance AS spread,
            pow(growth, 2) - spread / changes AS a,
            2 * free * growth + spread AS b,
            sqrt(greatest(b * b - 4 * a * free * free, 0)) AS root
        FROM disk_by_day(
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')}
        )
        GROUP BY host, volume
    ),

    held AS (
        SELECT
            host,
            volume,
            sumIf(size_bytes, item = 'store') AS models_bytes,
            sumIf(freed_bytes, item = 'store') AS rubbish_bytes
        FROM inventory_last(until = {until:DateTime64(6, 'UTC')})
        GROUP BY host, volume
    )

SELECT
    d.host AS host,
    d.volume AS volume,
    d.size_bytes AS size_bytes,
    d.free AS free_bytes,
    if(d.size_bytes = 0, NULL, 1 - d.free / d.size_bytes) AS used_share,
    h.models_bytes AS models_bytes,
    h.rubbish_bytes AS rubbish_bytes,
    d.changes AS changes,
    d.growth AS growth_bytes_per_day,
    if(d.variance IS NULL OR d.growth <= 0, NULL, d.free / d.growth) AS days_until_full,
    if(days_until_full IS NULL, NULL, 2 * pow(d.free, 2) / (d.b + d.root)) AS days_until_full_low,
    if(days_until_full IS NULL OR d.a <= 0, NULL, (d.b + d.root) / (2 * d.a)) AS days_until_full_high,
    d.seen_day AS seen_day
FROM days AS d
LEFT JOIN held AS h ON h.host = d.host AND h.volume = d.volume
ORDER BY days_until_full IS NULL, days_until_full, used_share DESC, host, volume
