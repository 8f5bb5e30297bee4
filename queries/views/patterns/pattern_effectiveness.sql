-- How effective each pattern is, and what to do with it. effectiveness_score = 0.5 success rate + 0.3 mean quality (the
-- success rate where nothing was judged) + 0.2 speed, moved towards 0.5 by n / (n + 10): a few runs prove little. The
-- quality of a run is what it said itself, else how it was evaluated afterwards.
-- speed is 1 up to a p95 of excellent_ms and falls to 0 at four times that. recommendation, the first that fits: retire
-- (abandoned), investigate (a score below 0.5, or a warning: success below 0.8, errors above 0.2, quality below 0.7, a
-- failed quality gate, p95 above twice the median and above excellent_ms), promote (0.8 or more, not declining), keep.
-- trend: increasing, decreasing or stable, as usage_trends has it.
-- Grain: one row per pattern with a rated run in the window, or for the one asked for.
-- Reads: usage_summary, usage_trends, evaluated_quality
-- Read by: stats patterns
WITH
    runs AS (
        SELECT *
        FROM usage_summary(
            kind = 'pattern',
            operation = 'pattern.run',
            by = 'subject',
            per = '',
            zone = 'UTC',
            finest = 'week',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
    ),

    afterwards AS (
        SELECT subject, sum(q.evaluated) AS evaluated, sum(q.evaluated_sum_ppm) AS sum_ppm
        FROM evaluated_quality(
            kind = 'pattern',
            operation = 'pattern.run',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        ) AS q
        GROUP BY subject
    ),

    trends AS (
        SELECT subject, trend_type
        FROM usage_trends(
            kind = 'pattern',
            operation = 'pattern.run',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')}
        )
    )

SELECT
    r.key AS pattern,
    r.operations AS runs,
    r.success_rate AS success_rate,
    r.error_rate AS error_rate,
    r.judged + a.evaluated AS judged,
    a.evaluated AS evaluated,
    if(judged = 0, NULL, (r.quality_sum_ppm + a.sum_ppm) / judged / 1e6) AS mean_quality,
    r.quality_gate_failures AS quality_gate_failures,
    r.p50_ms AS p50_ms,
    r.p95_ms AS p95_ms,
    if(isNull(p95_ms), NULL, least(greatest((4 - p95_ms / {excellent_ms:Float64}) / 3, 0), 1)) AS speed_score,
    0.5 + r.rated / (r.rated + 10) * (
        0.5 * success_rate
        + 0.3 * coalesce(mean_quality, success_rate)
        + 0.2 * coalesce(speed_score, success_rate)
        - 0.5
    ) AS effectiveness_score,
    coalesce(nullIf(t.trend_type, ''), 'stable') AS trend_type,
    multiIf(
        trend_type IN ('growing', 'emerging'), 'increasing',
        trend_type IN ('declining', 'abandoned'), 'decreasing',
        'stable'
    ) AS trend,
    arrayStringConcat(arrayFilter(warning -> warning != '', [
        if(success_rate < 0.8, 'low success rate', ''),
        if(error_rate > 0.2, 'high error rate', ''),
        if(coalesce(mean_quality < 0.7, false), 'low quality', ''),
        if(quality_gate_failures > 0, 'failed quality gates', ''),
        if(coalesce(p95_ms > 2 * p50_ms AND p95_ms > {excellent_ms:Float64}, false), 'uneven duration', '')
    ]), ', ') AS warnings,
    multiIf(
        trend_type = 'abandoned', 'retire',
        effectiveness_score < 0.5 OR warnings != '', 'investigate',
        effectiveness_score >= 0.8 AND trend_type != 'declining', 'promote',
        'keep'
    ) AS recommendation,
    r.last_used_at AS last_used_at
FROM runs AS r
LEFT JOIN trends AS t ON t.subject = r.key
LEFT JOIN afterwards AS a ON a.subject = r.key
WHERE r.rated > 0 AND ({subject:String} = '' OR r.key = {subject:String})
ORDER BY effectiveness_score DESC, pattern
