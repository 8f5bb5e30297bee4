-- The days (UTC) on which something was watching, when it last saw anything, and whether that is too long ago to tell
-- what is in use (two days). A day is watched when a process said on it that it lives, or when what began on it was
-- received within a day of its end: what a process that runs sends. What an import brings of the past was watched by
-- nobody; only where imports are to count are the days between its first and its last operation days that were watched.
-- What looks at disks alone, `modeltally agent` and `modeltally models`, sees no use of a model: it watches nothing.
-- Grain: one row.
-- Reads: usage_figures, heartbeats
-- Read by: the advice jobs
WITH
    received AS (
        SELECT
            toDate(bucket, 'UTC') AS day,
            toDate(min(lows.first_at), 'UTC') AS first_day,
            toDate(max(highs.last_at), 'UTC') AS last_day,
            max(highs.last_at) AS last_at,
            -- of each process: an import of a day that was watched takes nothing away
            subject,
            max(highs.received_at) AS newest_at
        FROM usage_figures(
            kind = 'instance',
            operation = '',
            since = '2000-01-01 00:00:00',
            until = {as_of:DateTime64(6, 'UTC')},
            finest = 'day'
        )
        WHERE splitByChar('\n', subject)[1] NOT IN ('modeltally agent', 'modeltally models')
        GROUP BY day, subject
    ),

    operations AS (
        SELECT
            groupUniqArrayIf(day, newest_at < toDateTime64(day, 3, 'UTC') + toIntervalDay(2)) AS live_days,
            min(r.first_day) AS first_day,
            max(r.last_day) AS last_day,
            max(r.last_at) AS last_at,
            max(newest_at) AS received_at,
            count() AS pieces
        FROM received AS r
    ),

    beats AS (
        SELECT groupUniqArray(toDate(h.at, 'UTC')) AS days, max(h.at) AS last_at
        FROM heartbeats AS h
        WHERE h.at < {as_of:DateTime64(6, 'UTC')}
            AND abs(dateDiff('hour', h.at, h.received_at)) < 48
            AND h.service NOT IN ('modeltally agent', 'modeltally models')
    )

SELECT
    arraySort(arrayDistinct(arrayConcat(
        operations.live_days,
        beats.days,
        if(
            {count_imports:UInt8} AND operations.pieces > 0,
            arrayMap(number -> operations.first_day + number, range(toUInt32(
                dateDiff('day', operations.first_day, operations.last_day) + 1
            ))),
            []
        )
    ))) AS days,
    if(
        operations.pieces = 0 AND empty(beats.days),
        NULL,
        greatest(
            toDateTime64(if({count_imports:UInt8}, operations.last_at, operations.received_at), 6, 'UTC'),
            toDateTime64(beats.last_at, 6, 'UTC')
        )
    ) AS seen_at,
    coalesce(seen_at < {as_of:DateTime64(6, 'UTC')} - toIntervalDay(2), true) AS is_silent
FROM operations
CROSS JOIN beats
