-- Where the use of one subject, or of all, comes from: by context type, agent, project, file type, hour of the day and
-- day of the week (0 is Monday) of a zone. What an operation does not say is not counted in that dimension; hours and
-- days are there with zeros. Read from the events, which are kept for 90 days as a rule.
-- Grain: one row per dimension and value.
-- Reads: usage_operations
-- Read by: stats distribution
WITH
    said AS (
        SELECT toTimeZone(start, {zone:String}) AS there, context_type, agent, project, file_type
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

    counted AS (
        SELECT one.1 AS dimension, one.2 AS value, count() AS operations
        FROM said
        ARRAY JOIN [
            ('by_context_type', context_type::String),
            ('by_agent', agent::String),
            ('by_project', project::String),
            ('by_file_type', file_type::String),
            ('by_time_of_day', leftPad(toString(toHour(there)), 2, '0')),
            ('by_day_of_week', toString(toDayOfWeek(there) - 1))
        ] AS one
        WHERE value != ''
        GROUP BY dimension, value
        UNION ALL
        SELECT 'by_time_of_day', leftPad(toString(number), 2, '0'), 0 FROM numbers(24)
        UNION ALL
        SELECT 'by_day_of_week', toString(number), 0 FROM numbers(7)
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
