-- Rolls buckets from the rolls of their parts: hours from slices, days from hours, weeks from days. Safe to repeat, to
-- kill, and to run beside itself: what it consumed is what its parts had consumed, and that is its version.
-- Grain: one row per kind, section and bucket.
-- Reads: usage_rolls
-- Read by: the roll job
INSERT INTO usage_rolls
WITH
    parts AS (
        SELECT
            *,
            multiIf(
                {grain:String} = 'week', toStartOfWeek(bucket, 1)::DateTime('UTC'),
                {grain:String} = 'day', toStartOfDay(bucket),
                toStartOfHour(bucket)
            ) AS whole
        FROM usage_rolls FINAL
        WHERE grain = {parts:String}
            AND bucket >= {since:DateTime64(6, 'UTC')}
            AND bucket < {until:DateTime64(6, 'UTC')}
            AND whole IN {buckets:Array(DateTime('UTC'))}
    ),

    keys AS (
        SELECT kind, section, whole, sum(consumed) AS rows
        FROM parts
        GROUP BY kind, section, whole
    ),

    figures AS (
        SELECT
            kind,
            section,
            whole,
            groupArray(f.one_operation) AS operation,
            groupArray(f.one_subject) AS subject,
            groupArray(f.added) AS sums,
            groupArray(f.lowest) AS lows,
            groupArray(f.highest) AS highs,
            groupArray(f.unfinished) AS unfinished_starts,
            groupArray(f.histogram) AS duration_histogram,
            groupArray(f.bitmap) AS users
        FROM (
            SELECT
                kind,
                section,
                whole,
                one_operation,
                one_subject,
                sumTuple(one_sums) AS added,
                minTuple(one_lows) AS lowest,
                maxTuple(one_highs) AS highest,
                arraySort(groupArrayArray(one_unfinished_starts)) AS unfinished,
                sumMap(one_duration_histogram) AS histogram,
                groupBitmapMergeState(one_users) AS bitmap
            FROM parts
            ARRAY JOIN
                operation AS one_operation,
                subject AS one_subject,
                sums AS one_sums,
                lows AS one_lows,
                highs AS one_highs,
                unfinished_starts AS one_unfinished_starts,
                duration_histogram AS one_duration_histogram,
                users AS one_users
            GROUP BY kind, section, whole, one_operation, one_subject
        ) AS f
        GROUP BY kind, section, whole
    )

SELECT
    k.kind AS kind,
    k.section AS section,
    {grain:String} AS grain,
    k.whole AS bucket,
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
LEFT JOIN figures AS f ON f.kind = k.kind AND f.section = k.section AND f.whole = k.whole
