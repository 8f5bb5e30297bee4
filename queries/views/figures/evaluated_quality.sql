-- The quality of operations that said none themselves and were evaluated afterwards: of each the mean of the newest
-- evaluation by each name and source, to the nearest millionth. What an operation said itself counts as it said it, and
-- is in usage_summary.
-- Grain: one row per subject and hour with such an operation.
-- Reads: evaluations_of_operations
-- Read by: success_by_subject, usage_over_time, quality_trends, pattern_effectiveness
SELECT
    subject,
    toStartOfHour(start)::DateTime('UTC') AS hour,
    count() AS evaluated,
    sum(quality_ppm) AS evaluated_sum_ppm
FROM (
    SELECT
        subject,
        start,
        toUInt64(intDiv(2 * sum(score_ppm) + count(), 2 * count())) AS quality_ppm
    FROM evaluations_of_operations(
        kind = {kind:String},
        operation = {operation:String},
        since = {since:DateTime64(6, 'UTC')},
        until = {until:DateTime64(6, 'UTC')},
        as_of = {as_of:DateTime64(6, 'UTC')},
        abandoned_after_seconds = {abandoned_after_seconds:Float64}
    )
    WHERE NOT has_own_quality
    GROUP BY subject, start, trace, span
)
GROUP BY subject, hour
