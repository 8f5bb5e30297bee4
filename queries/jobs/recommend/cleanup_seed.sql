-- The plain rule over the 30 days since..as_of: fewer than min_uses_per_day, or less than min_success_rate in them.
-- It looks at nothing else, so on a fresh deployment it names every model: unsafe, and marked so.
-- Grain: one row per model the rule names.
-- Reads: usage_named_figures, usage_summary
WITH
    models AS (
        SELECT name AS model, max(highs.size_bytes) AS size_bytes
        FROM usage_named_figures(
            kind = 'model',
            operation = '',
            since = '2000-01-01 00:00:00',
            until = {as_of:DateTime64(6, 'UTC')},
            finest = 'week'
        )
        GROUP BY model
    ),

    recent AS (
        SELECT key AS model, operations, success_rate, last_used_at
        FROM usage_summary(
            kind = 'model',
            operation = 'model.request',
            by = 'subject',
            per = '',
            zone = 'UTC',
            finest = 'week',
            since = {since:DateTime64(6, 'UTC')},
            until = {as_of:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
    )

SELECT
    m.model AS subject,
    'advise' AS verdict,
    arrayStringConcat(arrayFilter(part -> part != '', [
        if(r.operations / 30 < {min_uses_per_day:Float64}, 'rarely used', ''),
        if(r.success_rate < {min_success_rate:Float64}, 'mostly failing', '')
    ]), ', ') AS reason,
    NULL AS confidence,
    'low' AS priority,
    toJSONString(CAST(
        (r.operations, r.operations / 30, r.success_rate, if(r.operations = 0, NULL, r.last_used_at), m.size_bytes),
        'Tuple(
            uses UInt64, uses_per_day Float64, success_rate Nullable(Float64),
            last_used_at Nullable(DateTime64(0, \'UTC\')), size_bytes UInt64
        )'
    )) AS evidence,
    {since:DateTime64(6, 'UTC')} AS window_since,
    {as_of:DateTime64(6, 'UTC')} AS window_until,
    {as_of:DateTime64(6, 'UTC')} + INTERVAL 7 DAY AS expires_at
FROM models AS m
LEFT JOIN recent AS r ON r.model = m.model
WHERE reason != ''
