-- On which days (UTC) each model was used, and since when it is here: what says whether it may go. A request, also one
-- nested in another, and a load are use. What came more than a day after its day was over tells of a past that nobody
-- watched: it stands apart, unless imports are to count. Beside that what hosts last said of their disks: what would
-- become free on all of them.
-- Grain: one row per model, under the name its aliases lead to.
-- Reads: usage_named_figures, inventory_last, aliases
-- Read by: the cleanup advice
WITH
    (
        SELECT tuple(groupArray(alias), groupArray(name))
        FROM aliases FINAL
        WHERE kind = 'model' AND name != ''
    ) AS names_of_aliases,

    held AS (
        SELECT
            if(
                has(names_of_aliases.1, i.model),
                names_of_aliases.2[indexOf(names_of_aliases.1, i.model)],
                i.model
            )::String AS called,
            sum(i.freed_bytes) AS freed_bytes,
            uniqExact(i.host) AS hosts
        FROM inventory_last(until = {as_of:DateTime64(6, 'UTC')}) AS i
        WHERE i.item = 'model'
        GROUP BY called
    ),

    reported AS (
        SELECT count() AS models
        FROM held
    ),

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
    ),

    used AS (
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
    )

SELECT
    u.model AS model,
    u.names AS names,
    u.uses AS uses,
    u.last_used_at AS last_used_at,
    u.first_seen_at AS first_seen_at,
    u.here_since AS here_since,
    u.downloaded_at AS downloaded_at,
    u.source_seen_at AS source_seen_at,
    u.size_bytes AS size_bytes,
    -- none where no host reports anything
    if(reported.models = 0, NULL, h.hosts) AS hosts,
    if(reported.models = 0, NULL, h.freed_bytes) AS freed_bytes,
    u.days_used AS days_used,
    u.days_told AS days_told
FROM used AS u
LEFT JOIN held AS h ON h.called = u.model
CROSS JOIN reported
ORDER BY model
