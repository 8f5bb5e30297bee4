-- What serves a window: rolled weeks, days and hours, and the hours that no roll can give (raw), by their starts.
-- finest says how small the pieces must be: 'week' takes what is there, 'day' no weeks, 'hour' no days either.
-- Grain: one row.
-- Reads: usage_coverage
-- Read by: usage_figures, every reader before it asks for figures
SELECT
    groupArrayIf(week, is_week) AS weeks,
    groupArrayArrayIf(whole_days, NOT is_week) AS days,
    groupArrayArrayIf(hours_of_days, NOT is_week) AS hours,
    groupArrayArray(raw_of_days) AS raw
FROM (
    SELECT
        toStartOfWeek(day, 1)::DateTime('UTC') AS week,
        -- a day of nothing is whole as well
        groupArrayIf(day, is_day AND day_consumed > 0 AND {finest:String} != 'hour') AS whole_days,
        groupArrayArrayIf(clean_hours, NOT is_day OR {finest:String} = 'hour') AS hours_of_days,
        groupArrayArray(raw_hours.1) AS raw_of_days,
        {finest:String} = 'week'
            AND min(is_day)
            AND max(week_consumed) = sum(day_consumed)
            AND week >= {since:DateTime64(6, 'UTC')}
            AND week + 604800 <= {until:DateTime64(6, 'UTC')} AS is_week
    FROM usage_coverage(since = {since:DateTime64(6, 'UTC')}, until = {until:DateTime64(6, 'UTC')})
    GROUP BY week
)
