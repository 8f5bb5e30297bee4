-- On which days (UTC) each model was used, and since when it is here: what says whether it may go. A request, also one
-- nested in another, and a load are use. What came more than a day after its day was over tells of a past that nobody
-- watched: it stands apart, unless imports are to count.
-- Grain: one row per model, under the name its aliases lead to.
-- Reads: usage_named_figures
-- Read by: the cleanup advice
WITH
    pieces AS (
        SELECT
            name AS model,
            subject,
            operation,
            toDate(bucket, 'UTC') AS day,
            operation IN ('model.request', 'nested model.request', 'model.load') AS is_use,
            {count_imports:UInt8} OR highs.received_at < toDateTime64(day, 3, 'UTC') + toIntervalDay(2) AS is_live,
            sums.operations AS operations,
            sums.successes AS successes,
            lows.first_at AS first_at,
            highs.last_at AS last_at,
            highs.size_bytes AS size_bytes,
            highs.received_at AS received_at
        FROM usage_named_figures(
            kind = 'model',
            operation = '',
            since = '2000-01-01 00:00:00',
            until = {as_of:DateTime64(6, 'UTC')},
            finest = 'day'
        )
    )

SELECT
    model,
    arraySort(groupUniqArray(subject)) AS names,
    sumIf(operations, is_use AND operation != 'model.load') AS uses,
    nullIf(maxIf(last_at, is_use), toDateTime64(0, 9, 'UTC')) AS last_used_at,
    min(first_at) AS first_seen_at,
    least(
        minOrNullIf(day, is_live),
        minOrNullIf(toDate(received_at, 'UTC'), NOT is_live)
    ) AS here_since,
    nullIf(maxIf(last_at, operation = 'model.download'), toDateTime64(0, 9, 'UTC')) AS downloaded_at,
    nullIf(
        maxIf(last_at, operation = 'model.download' AND successes > 0), toDateTime64(0, 9, 'UTC')
    ) AS source_seen_at,
    nullIf(max(size_bytes), 0) AS size_bytes,
    arraySort(groupUniqArrayIf(day, is_use AND is_live)) AS days_used,
    arraySort(groupUniqArrayIf(day, is_use AND NOT is_live)) AS days_told
FROM pieces
GROUP BY model
ORDER BY model
