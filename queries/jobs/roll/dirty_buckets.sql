-- What is to be rolled: hours from their events, days from their hours, weeks from their days; each with its event
-- rows. A bucket waits for its parts. What is being filled is there too: the job knows the time.
-- Grain: one row; each column a list of (start, event rows), oldest first.
-- Reads: usage_coverage
-- Read by: the roll job
SELECT
    arraySort(groupArrayArray(hours_of_days)) AS hours,
    arraySort(groupArrayArray(dirty_days)) AS days,
    arraySort(groupArrayIf((week, rows), is_dirty)) AS weeks
FROM (
    SELECT
        toStartOfWeek(day, 1)::DateTime('UTC') AS week,
        groupArrayArray(raw_hours) AS hours_of_days,
        groupArrayIf((day, hours_consumed), empty(raw_hours) AND NOT is_day) AS dirty_days,
        sum(day_consumed) AS rows,
        min(is_day) AND max(week_consumed) != rows AS is_dirty
    FROM usage_coverage(since = {since:DateTime64(6, 'UTC')}, until = {until:DateTime64(6, 'UTC')})
    GROUP BY week
)
