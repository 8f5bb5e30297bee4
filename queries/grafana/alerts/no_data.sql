-- Minutes at the end of the window since anything last came: a heartbeat, which processes send every half minute, or
-- an operation.
-- Grain: one row, none where nothing came in the window.
-- Reads: heartbeats, usage_stored
WITH
    beats AS (
        SELECT max(received_at) AS newest_at
        FROM heartbeats
        WHERE received_at >= toDateTime64($__fromTime_ms, 6, 'UTC')
            AND received_at < toDateTime64($__toTime_ms, 6, 'UTC')
    ),

    operations AS (
        SELECT coalesce(newest_at, toDateTime64(0, 3, 'UTC')) AS newest_at
        FROM usage_stored(
            since = toDateTime64($__fromTime_ms, 6, 'UTC'),
            until = toDateTime64($__toTime_ms, 6, 'UTC')
        )
    )

SELECT
    greatest(
        dateDiff(
            'second',
            greatest(beats.newest_at, operations.newest_at),
            toDateTime64($__toTime_ms, 6, 'UTC')
        ),
        0
    ) / 60 AS silent_minutes
FROM beats
CROSS JOIN operations
WHERE greatest(beats.newest_at, operations.newest_at) > 0
