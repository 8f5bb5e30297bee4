-- Everything known of a window, cut into buckets: rolled weeks, days, hours and slices, and hours and slices counted
-- from their events. The one source of every statistic, and of the rolls: what a roll stores is what was read before
-- it, so an answer is the same before and after. Whoever asks for the cover first asks for figures_of_buckets instead.
-- finest is 'week', or 'day' or 'hour' where the day or the hour of each operation matters; operation is the one to
-- count, '' counts each.
-- Grain: one row per bucket, operation and subject.
-- Reads: usage_cover, usage_slices, figures_of_buckets
-- Read by: usage_summary, users_by_day, the advice jobs
WITH
    (
        SELECT tuple(weeks, days, hours, raw)
        FROM usage_cover(
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = {finest:String}
        )
    ) AS cover,

    (
        SELECT tuple(slices, raw_hours, raw_slices)
        FROM usage_slices(
            hours = tupleElement(cover, 4),
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')}
        )
    ) AS open

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
FROM figures_of_buckets(
    kind = {kind:String},
    operation = {operation:String},
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    weeks = tupleElement(cover, 1),
    days = tupleElement(cover, 2),
    hours = tupleElement(cover, 3),
    slices = tupleElement(open, 1),
    raw_hours = tupleElement(open, 2),
    raw_slices = tupleElement(open, 3)
)
