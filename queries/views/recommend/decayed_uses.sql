-- How much each model is used, a use counting half after half_life_seconds: what the models that are kept are ranked
-- by. Uses are taken to have come in the middle of their hour, or of what there is of it.
-- Grain: one row per model used in the window.
-- Reads: usage_named_figures
-- Read by: the advice on what to keep
SELECT
    name AS model,
    sum(uses) AS requests,
    uniqExact(toDate(bucket, 'UTC')) AS days,
    sum(uses * exp2(
        -dateDiff('second', least(bucket + toIntervalMinute(30), last_at), {until:DateTime64(6, 'UTC')})
        / {half_life_seconds:Float64}
    )) AS decayed_uses,
    max(last_at) AS last_used_at
FROM (
    SELECT name, toDateTime64(bucket, 6, 'UTC') AS bucket, sum(sums.operations) AS uses, max(highs.last_at) AS last_at
    FROM usage_named_figures(
        kind = 'model',
        operation = 'model.request',
        since = {since:DateTime64(6, 'UTC')},
        until = {until:DateTime64(6, 'UTC')},
        finest = 'hour'
    )
    GROUP BY name, bucket
)
WHERE name != ''
GROUP BY model
ORDER BY decayed_uses DESC, model
