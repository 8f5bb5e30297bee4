-- The figures of a window with each subject under its name: what its alias says, else what was said.
-- Parameters as in usage_figures.
-- Grain: one row per bucket, operation and subject.
-- Reads: usage_figures, aliases
-- Read by: usage_summary, the advice jobs
WITH
    (
        SELECT tuple(groupArray(alias), groupArray(name))
        FROM aliases FINAL
        WHERE kind = {kind:String} AND name != ''
    ) AS names

SELECT
    if(has(names.1, subject), names.2[indexOf(names.1, subject)], subject)::String AS name,
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
FROM usage_figures(
    kind = {kind:String},
    operation = {operation:String},
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    finest = {finest:String}
)
