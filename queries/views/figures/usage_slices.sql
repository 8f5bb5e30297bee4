-- What serves hours that no roll can give: their clean slices, the events of their other slices, and where an hour has
-- no slices all its events.
-- Grain: one row.
-- Reads: slices_of_hours
-- Read by: usage_figures, readers that asked for the cover first
SELECT
    groupArrayArray(clean) AS slices,
    groupArrayIf(hour, empty(clean)) AS raw_hours,
    groupArrayArrayIf(dirty, notEmpty(clean)) AS raw_slices
FROM (
    SELECT
        toStartOfHour(bucket) AS hour,
        groupArrayIf(bucket, is_clean) AS clean,
        groupArrayIf(bucket, NOT is_clean) AS dirty
    FROM slices_of_hours(
        hours = {hours:Array(DateTime('UTC'))},
        since = {since:DateTime64(6, 'UTC')},
        until = {until:DateTime64(6, 'UTC')}
    )
    GROUP BY hour
)
