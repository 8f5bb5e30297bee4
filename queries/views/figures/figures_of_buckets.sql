-- The figures of given buckets: rolled ones by their starts, the rest counted from events.
-- Grain: one row per bucket, operation and subject.
-- Reads: figures_rolled, figures_raw
-- Read by: usage_figures; readers that asked for the cover first
SELECT
    bucket,
    operation,
    subject,
    sums,
    lows,
    highs,
    unfinished_starts,
    duration_histogram,
    users,
    unnumbered_users
FROM figures_rolled(
    kind = {kind:String},
    operation = {operation:String},
    weeks = {weeks:Array(DateTime('UTC'))},
    days = {days:Array(DateTime('UTC'))},
    hours = {hours:Array(DateTime('UTC'))},
    slices = {slices:Array(DateTime('UTC'))}
)
UNION ALL
SELECT
    bucket,
    operation,
    subject,
    sums,
    lows,
    highs,
    unfinished_starts,
    duration_histogram,
    users,
    unnumbered_users
FROM figures_raw(
    kind = {kind:String},
    operation = {operation:String},
    grain = 'hour',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    raw_hours = {raw_hours:Array(DateTime('UTC'))},
    raw_slices = {raw_slices:Array(DateTime('UTC'))}
)
