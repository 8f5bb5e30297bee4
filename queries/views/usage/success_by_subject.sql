-- How well each subject of a kind does: every outcome, what went wrong in the ways that have their own count, the
-- rates, and how good the results were: by the quality that operations said themselves, else by how they were evaluated
-- afterwards. Outcomes are disjoint; timeouts and failed quality gates are among failures and errors.
-- Grain: one row per subject with use in the window.
-- Reads: usage_summary, evaluated_quality
-- Read by: stats success
WITH
    afterwards AS (
        SELECT subject, sum(q.evaluated) AS evaluated, sum(q.evaluated_sum_ppm) AS sum_ppm
        FROM evaluated_quality(
            kind = {kind:String},
            operation = {operation:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        ) AS q
        GROUP BY subject
    )

SELECT
    s.key AS subject,
    s.operations AS operations,
    s.successes AS successes,
    s.partial_successes AS partial_successes,
    s.failed AS unacceptable_results,
    s.errors AS errors,
    s.failures AS failures,
    s.cancelled AS cancelled,
    s.abandoned AS abandoned,
    s.in_flight AS in_flight,
    s.timeouts AS timeouts,
    s.quality_gate_failures AS quality_gate_failures,
    s.success_rate AS success_rate,
    s.error_rate AS error_rate,
    s.judged + a.evaluated AS judged,
    a.evaluated AS evaluated,
    if(judged = 0, NULL, (s.quality_sum_ppm + a.sum_ppm) / judged / 1e6) AS mean_quality
FROM usage_summary(
    kind = {kind:String},
    operation = {operation:String},
    by = 'subject',
    per = '',
    zone = 'UTC',
    finest = 'week',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
) AS s
LEFT JOIN afterwards AS a ON a.subject = s.key
ORDER BY operations DESC, subject
