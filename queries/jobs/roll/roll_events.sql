-- Rolls hours, or five-minute slices (grain 'slice'), from their events: every kind of subject in one pass. Safe to
-- repeat, to kill, and to run beside itself: the count of rows and the rows come from one snapshot, and the count is
-- the version. A bucket with a user who has no number yet is left out
-- whole, and stays dirty.
-- Grain: one row per kind, section and bucket.
-- Reads: usage_events, users, usage_kinds, figures_raw
-- Read by: the roll job
INSERT INTO usage_rolls
WITH
    -- a bucket without operations of a section has a row all the same: it may have had some
    keys AS (
        SELECT kinds.kind AS kind, section, counted.bucket AS bucket, counted.rows AS rows
        FROM (
            SELECT
                toStartOfInterval(start, toIntervalMinute(if({grain:String} = 'slice', 5, 60)), 'UTC') AS bucket,
                count() AS rows
            FROM usage_events
            WHERE (
                toStartOfHour(start) IN {raw_hours:Array(DateTime('UTC'))}
                OR toStartOfFiveMinutes(start) IN {raw_slices:Array(DateTime('UTC'))}
            )
                AND start >= {since:DateTime64(6, 'UTC')}
                AND start < {until:DateTime64(6, 'UTC')}
            GROUP BY bucket
        ) AS counted
        CROSS JOIN usage_kinds() AS kinds
        ARRAY JOIN ['request', 'other'] AS section
        WHERE counted.bucket NOT IN (
            SELECT toStartOfInterval(start, toIntervalMinute(if({grain:String} = 'slice', 5, 60)), 'UTC')
            FROM usage_events
            WHERE (
                toStartOfHour(start) IN {raw_hours:Array(DateTime('UTC'))}
                OR toStartOfFiveMinutes(start) IN {raw_slices:Array(DateTime('UTC'))}
            )
                AND start >= {since:DateTime64(6, 'UTC')}
                AND start < {until:DateTime64(6, 'UTC')}
                AND user_hash != 0
                AND user_hash NOT IN (SELECT user_hash FROM users)
        )
    ),

    figures AS (
        SELECT
            kind,
            if(f.operation = 'model.request', 'request', 'other') AS section,
            bucket,
            groupArray(f.operation) AS operation,
            groupArray(f.subject) AS subject,
            groupArray(f.sums) AS sums,
            groupArray(f.lows) AS lows,
            groupArray(f.highs) AS highs,
            groupArray(arraySort(f.unfinished_starts)) AS unfinished_starts,
            groupArray(f.duration_histogram) AS duration_histogram,
            groupArray(f.users) AS users
        FROM figures_raw(
            kind = '',
            operation = '',
            grain = {grain:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            raw_hours = {raw_hours:Array(DateTime('UTC'))},
            raw_slices = {raw_slices:Array(DateTime('UTC'))}
        ) AS f
        GROUP BY kind, section, bucket
    )

SELECT
    k.kind AS kind,
    k.section AS section,
    {grain:String} AS grain,
    k.bucket AS bucket,
    k.rows AS consumed,
    {as_of:DateTime64(6, 'UTC')} AS rolled_at,
    f.operation AS operation,
    f.subject AS subject,
    f.sums AS sums,
    f.lows AS lows,
    f.highs AS highs,
    f.unfinished_starts AS unfinished_starts,
    f.duration_histogram AS duration_histogram,
    f.users AS users
FROM keys AS k
LEFT JOIN figures AS f ON f.kind = k.kind AND f.section = k.section AND f.bucket = k.bucket
