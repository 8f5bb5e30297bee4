-- The slices of hours that are still filling which are to be rolled, oldest first.
-- Grain: one row per slice whose roll does not hold the rows its events have now.
-- Reads: slices_of_hours
-- Read by: the roll job
SELECT bucket, stored AS rows
FROM slices_of_hours(
    hours = {hours:Array(DateTime('UTC'))},
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')}
)
WHERE NOT is_clean AND stored > 0
ORDER BY bucket
