-- Where the use of one subject, or of all, comes from: by context type, agent, project, file type, hour of the day and
-- day of the week (0 is Monday) of a zone. What an operation does not say is not counted in that dimension; hours and
-- days are there with zeros. Read from the events, which are kept for 90 days as a rule.
-- Grain: one row per dimension and value.
-- Reads: usage_operations
-- Read by: stats distribution
WITH
    said AS (
        SELECT
            context_type,
            agent,
            project,
            file_type,
            toTimeZone(start, {zone:String}) AS there,
            toHour(there) AS hour,
            toDayOfWeek(there) - 1 AS day
        FROM usage_operations(
            kind = if({subject:String} = '', '', {kind:String}),
            subject = {subject:String},
            operation = {operation:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
    ),

    -- each dimension by itself, and none as text before it is counted
    grouped AS (
        SELECT
            context_type,
            agent,
            project,
            file_type,
            hour,
            day,
            count() AS n,
            grouping(context_type, agent, project, file_type, hour, day) AS left_out
        FROM said
        GROUP BY GROUPING SETS ((context_type), (agent), (project), (file_type), (hour), (day))
    ),

    counted AS (
        SELECT
            multiIf(
                left_out = 31, ('by_context_type', context_type::String),
                left_out = 47, ('by_agent', agent::String),
                left_out = 55, ('by_project', project::String),
                left_out = 59, ('by_file_type', file_type::String),
                left_out = 61, ('by_time_of_day', leftPad(toString(hour), 2, '0')),
                ('by_day_of_week', toString(day))
            ) AS one,
            one.1 AS dimension,
            one.2 AS value,
            n AS operations
        FROM grouped
        WHERE value != ''
        UNION ALL
        SELECT ('', ''), 'by_time_of_day', leftPad(toString(number), 2, '0'), 0 FROM numbers(24)
        UNION ALL
        SELECT ('', ''), 'by_day_of_week', toString(number), 0 FROM numbers(7)
    )

SELECT
    dimension,
    value,
    sum(c.operations) AS operations,
    if(sum(operations) OVER (PARTITION BY dimension) = 0, NULL,
        operations / sum(operations) OVER (PARTITION BY dimension)) AS share
FROM counted AS c
GROUP BY dimension, value
ORDER BY dimension, if(dimension IN ('by_time_of_day', 'by_day_of_week'), 0, -toInt64(operations)), value
