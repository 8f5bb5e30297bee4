-- How use goes over time: together (kind is all), or for each subject of a kind, by hours, days, weeks or months
-- (bucket) of a zone. Stretches without use are there with zeros; subjects are those with use in the
-- window, or the one that is asked for. Quality is what operations said themselves, else how they were evaluated
-- afterwards.
-- A zone of half hours is served by whole hours of UTC: an hour counts where it begins.
-- Grain: one row per subject and stretch that the window touches, the oldest first.
-- Reads: usage_summary, stretches_of_window, evaluated_quality
-- Read by: stats time
WITH
    -- each stretch with use or with something evaluated, what was evaluated cut into stretches as usage_summary does
    told AS (
        SELECT
            key,
            period AS begin,
            (
                u.operations, u.successes, u.partial_successes, u.failures, u.cancelled, u.abandoned, u.in_flight,
                u.users, u.success_rate, u.mean_ms, u.p50_ms, u.p95_ms, u.cold_starts, u.input_tokens, u.output_tokens
            ) AS figures,
            u.judged AS judged,
            u.quality_sum_ppm AS judged_ppm,
            u.operations > 0 AS is_use
        FROM usage_summary(
            kind = {kind:String},
            operation = {operation:String},
            by = 'subject',
            per = {bucket:String},
            zone = {zone:String},
            finest = if({zone:String} = 'UTC' AND {bucket:String} != 'hour',
                if({bucket:String} = 'week', 'week', 'day'), 'hour'),
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        ) AS u
        UNION ALL
        SELECT
            subject,
            if({bucket:String} = 'hour', there,
                if({bucket:String} = 'day', toStartOfDay(there),
                    if({bucket:String} = 'week', toDateTime(toStartOfWeek(there, 1), {zone:String}),
                        toDateTime(toStartOfMonth(there), {zone:String}))))::DateTime('UTC'),
            (0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0),
            evaluated,
            evaluated_sum_ppm,
            false
        FROM (
            SELECT subject, toTimeZone(hour, {zone:String}) AS there, evaluated, evaluated_sum_ppm
            FROM evaluated_quality(
                kind = {kind:String},
                operation = {operation:String},
                since = {since:DateTime64(6, 'UTC')},
                until = {until:DateTime64(6, 'UTC')},
                as_of = {as_of:DateTime64(6, 'UTC')},
                abandoned_after_seconds = {abandoned_after_seconds:Float64}
            )
        )
        UNION ALL
        SELECT {subject:String}, toDateTime(0, 'UTC'), (0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0), 0, 0,
            true
        FROM numbers(1)
        WHERE {subject:String} != '' OR {kind:String} = 'all'
    ),

    by_subject AS (
        SELECT
            key,
            groupArrayIf(begin, is_use) AS begins,
            groupArrayIf(figures, is_use) AS figures_of,
            sumMap([begin], [judged::UInt64]) AS many,
            sumMap([begin], [judged_ppm::UInt64]) AS total
        FROM told
        WHERE {subject:String} = '' OR key = {subject:String}
        GROUP BY key
        HAVING max(is_use)
    ),

    shown AS (
        SELECT
            key,
            s.begin AS begin,
            -- a stretch without use has no place, where an array gives zeros and nulls
            figures_of[indexOf(begins, s.begin)] AS f,
            many.2[indexOf(many.1, s.begin)] AS judged,
            total.2[indexOf(total.1, s.begin)] AS judged_ppm
        FROM by_subject
        CROSS JOIN stretches_of_window(
            zone = {zone:String},
            bucket = {bucket:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')}
        ) AS s
    )

SELECT
    key AS subject,
    begin AS begin_at,
    f.1 AS operations,
    f.2 AS successes,
    f.3 AS partial_successes,
    f.4 AS failures,
    f.5 AS cancelled,
    f.6 AS abandoned,
    f.7 AS in_flight,
    f.8 AS users,
    f.9 AS success_rate,
    f.10 AS mean_ms,
    f.11 AS p50_ms,
    f.12 AS p95_ms,
    f.13 AS cold_starts,
    f.14 AS input_tokens,
    f.15 AS output_tokens,
    if(judged = 0, NULL, judged_ppm / judged / 1e6) AS mean_quality
FROM shown
ORDER BY subject, begin_at
