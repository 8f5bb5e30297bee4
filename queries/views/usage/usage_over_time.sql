-- How use goes over time: together (kind is all), or for each subject of a kind, by hours, days, weeks or months
-- (bucket) of a zone. Stretches without use are there with zeros; subjects are those with use in the
-- window, or the one that is asked for. Quality is what operations said themselves, else how they were evaluated
-- afterwards.
-- A zone of half hours is served by whole hours of UTC: an hour counts where it begins.
-- Grain: one row per subject and stretch that the window touches, the oldest first.
-- Reads: usage_summary, stretches_of_window, evaluated_quality
-- Read by: stats time
WITH
    found AS (
        SELECT
            key, period, operations, successes, partial_successes, failures, cancelled, abandoned, in_flight,
            success_rate, users, mean_ms, p50_ms, p95_ms, cold_starts, input_tokens, output_tokens,
            judged, quality_sum_ppm
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
        )
        WHERE {subject:String} = '' OR key = {subject:String}
    ),

    -- cut into stretches as usage_summary does
    afterwards AS (
        SELECT
            subject,
            if({bucket:String} = 'hour', there,
                if({bucket:String} = 'day', toStartOfDay(there),
                    if({bucket:String} = 'week', toDateTime(toStartOfWeek(there, 1), {zone:String}),
                        toDateTime(toStartOfMonth(there), {zone:String}))))::DateTime('UTC') AS begin,
            sum(e.evaluated) AS evaluated,
            sum(e.evaluated_sum_ppm) AS sum_ppm
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
        ) AS e
        GROUP BY subject, begin
    ),

    shown AS (
        SELECT DISTINCT key FROM found
        UNION DISTINCT
        SELECT {subject:String} AS key WHERE {subject:String} != '' OR {kind:String} = 'all'
    )

SELECT
    u.key AS subject,
    t.begin AS begin_at,
    f.operations AS operations,
    f.successes AS successes,
    f.partial_successes AS partial_successes,
    f.failures AS failures,
    f.cancelled AS cancelled,
    f.abandoned AS abandoned,
    f.in_flight AS in_flight,
    f.users AS users,
    f.success_rate AS success_rate,
    f.mean_ms AS mean_ms,
    f.p50_ms AS p50_ms,
    f.p95_ms AS p95_ms,
    f.cold_starts AS cold_starts,
    f.input_tokens AS input_tokens,
    f.output_tokens AS output_tokens,
    if(f.judged + a.evaluated = 0, NULL, (f.quality_sum_ppm + a.sum_ppm) / (f.judged + a.evaluated) / 1e6)
        AS mean_quality
FROM shown AS u
CROSS JOIN stretches_of_window(
    zone = {zone:String},
    bucket = {bucket:String},
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')}
) AS t
LEFT JOIN found AS f ON f.key = u.key AND f.period = t.begin
LEFT JOIN afterwards AS a ON a.subject = u.key AND a.begin = t.begin
ORDER BY subject, begin_at
