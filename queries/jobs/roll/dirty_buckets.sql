-- Buckets whose roll does not hold the rows their events have now, newest first.
-- Grain: one row per dirty bucket of the grain, with its event rows.
-- Reads: usage_cover
-- Read by: the roll job
SELECT
    if({grain:String} = 'day', toStartOfDay(bucket), bucket) AS dirty,
    sum(stored_rows) AS stored_rows
FROM usage_cover(
    kind = {kind:String},
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    finest = {grain:String}
)
WHERE source != {grain:String}
GROUP BY dirty
-- a day waits for its hours; a day whose events are gone stays with the hours it has
HAVING stored_rows > 0 AND ({grain:String} = 'hour' OR countIf(source = 'raw') = 0)
ORDER BY dirty DESC
