-- Figures of buckets that are rolled: of weeks, days, hours and five-minute slices, each named by its start.
-- operation is the one to count, '' counts each. A slice's figures go with its hour.
-- Grain: one row per bucket, operation and subject of the kind.
-- Reads: usage_rolls
-- Read by: usage_figures
SELECT
    if(r.grain = 'slice', toStartOfHour(r.bucket), r.bucket) AS bucket,
    one_operation AS operation,
    one_subject AS subject,
    one_sums AS sums,
    one_lows AS lows,
    one_highs AS highs,
    one_unfinished_starts AS unfinished_starts,
    one_duration_histogram AS duration_histogram,
    one_users AS users,
    CAST([], 'Array(UInt64)') AS unnumbered_users
FROM usage_rolls AS r FINAL
ARRAY JOIN
    operation AS one_operation,
    subject AS one_subject,
    sums AS one_sums,
    lows AS one_lows,
    highs AS one_highs,
    unfinished_starts AS one_unfinished_starts,
    duration_histogram AS one_duration_histogram,
    users AS one_users
WHERE r.kind = {kind:String}
    AND r.section IN if({operation:String} = 'model.request', ['request'], ['request', 'other'])
    AND (
        (r.grain = 'week' AND r.bucket IN {weeks:Array(DateTime('UTC'))})
        OR (r.grain = 'day' AND r.bucket IN {days:Array(DateTime('UTC'))})
        OR (r.grain = 'hour' AND r.bucket IN {hours:Array(DateTime('UTC'))})
        OR (r.grain = 'slice' AND r.bucket IN {slices:Array(DateTime('UTC'))})
    )
    AND ({operation:String} = '' OR one_operation = {operation:String})
