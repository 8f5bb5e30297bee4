-- In which hours of the day each model is used, by the clocks of a zone: on how many days of the window, and how often.
-- In a zone of half hours an hour counts where it begins.
-- Grain: one row per model and hour of the day with a use.
-- Reads: usage_named_figures
-- Read by: the advice on keeping alive, on what to load before
SELECT
    name AS model,
    toHour(toTimeZone(bucket, {zone:String})) AS hour,
    uniqExact(toDate(bucket, {zone:String})) AS days,
    uniqExact(bucket) AS hours,
    sum(sums.operations) AS requests
FROM usage_named_figures(
    kind = 'model',
    operation = 'model.request',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    finest = 'hour'
)
WHERE name != ''
GROUP BY model, hour
ORDER BY model, hour
