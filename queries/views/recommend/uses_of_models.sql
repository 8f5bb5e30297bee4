-- How often each model was used in a window: what decides whether advice was right. A request, also one nested in
-- another, and a load are use.
-- Grain: one row per model that was used.
-- Reads: usage_named_figures
-- Read by: the job that judges
SELECT
    name AS model,
    sumIf(sums.operations, operation != 'model.load') AS requests,
    sum(sums.operations) AS uses
FROM usage_named_figures(
    kind = 'model',
    operation = '',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    finest = 'week'
)
WHERE operation IN ('model.request', 'nested model.request', 'model.load')
GROUP BY model
ORDER BY model
