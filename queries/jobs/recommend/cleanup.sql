-- Which models may be deleted: guarded by how long the deployment was watched, how old the model is here, and how long
-- it idles measured by its own past. What a guard stops is refused, with the guard's name and the same evidence.
-- Days on which nothing was watching are no days of history, of age or of idling: nobody knows what was used on them.
-- A request, also one nested in another, and a load are use. Slowness and failures never count here. Only models idle
-- for evidence_idle_days or never used are looked at.
-- Confidence: one minus the chance of a use within 30 days, from all gaps between uses, of any model, that lasted as
-- long as this one has (finished within 30 days more, or not), with one of each added (Laplace); none where no gap of
-- any model lasted so long.
-- Grain: one row per idle model, and one for the run ('*') where it may advise nothing.
-- Reads: usage_named_figures, days_watched, heartbeats
INSERT INTO recommendations
WITH
    pieces AS (
        SELECT
            name AS model,
            operation,
            bucket,
            sums.operations AS operations,
            lows.first_at AS first_at,
            highs.last_at AS last_at,
            highs.size_bytes AS size_bytes
        FROM usage_named_figures(
            kind = 'model',
            operation = '',
            since = '2000-01-01 00:00:00',
            until = {as_of:DateTime64(6, 'UTC')},
            finest = 'day'
        )
    ),

    models AS (
        SELECT
            model,
            min(first_at) AS first_seen_at,
            maxIf(last_at, operation = 'model.download') AS downloaded_at,
            max(size_bytes) AS size_bytes
        FROM pieces
        GROUP BY model
    ),

    days_of_use AS (
        SELECT
            model,
            min(first_at) AS first_at,
            max(last_at) AS last_at,
            sumIf(operations, operation != 'model.load') AS uses
        FROM pieces
        WHERE operation IN ('model.request', 'nested model.request', 'model.load')
        GROUP BY model, toStartOfDay(bucket)
    ),

    use AS (
        SELECT
            model,
            sum(uses) AS uses,
            max(last_at) AS last_used_at,
            arraySort(groupArray((first_at, last_at))) AS spells,
            arrayMap(
                (before, after) -> dateDiff('second', before.2, after.1) / 86400,
                arrayPopBack(spells),
                arrayPopFront(spells)
            ) AS gaps
        FROM days_of_use
        GROUP BY model
    ),

    -- finished gaps, and for each model the one that is open
    every_gap AS (
        SELECT
            groupArrayArray(gaps) AS finished,
            groupArray(dateDiff('second', last_used_at, {as_of:DateTime64(6, 'UTC')}) / 86400) AS open
        FROM use
    ),

    run AS (
        SELECT
            seen.history_since AS history_since,
            seen.models AS models,
            w.days AS days,
            length(w.days) AS watched_days,
            w.seen_at AS seen_at,
            w.is_silent AS is_silent
        FROM (
            SELECT min(first_seen_at) AS history_since, count() AS models
            FROM models
        ) AS seen
        CROSS JOIN days_watched(as_of = {as_of:DateTime64(6, 'UTC')}, count_imports = {count_imports:UInt8}) AS w
    ),

    losses AS (
        -- what a process says is cumulated since it started
        SELECT sum(dropped_at_end - dropped_before) AS dropped
        FROM (
            SELECT
                instance,
                max(dropped) AS dropped_at_end,
                maxIf(
                    dropped, at < {as_of:DateTime64(6, 'UTC')} - toIntervalSecond({history_days:Float64} * 86400)
                ) AS dropped_before
            FROM heartbeats
            WHERE at < {as_of:DateTime64(6, 'UTC')} AND dropped > 0
            GROUP BY instance
        )
    ),

    judged AS (
        SELECT
            m.model AS model,
            u.uses AS uses,
            m.first_seen_at AS first_seen_at,
            if(m.downloaded_at = 0, NULL, m.downloaded_at) AS downloaded_at,
            if(u.last_used_at = 0, NULL, u.last_used_at) AS last_used_at,
            if(m.size_bytes = 0, NULL, m.size_bytes) AS size_bytes,
            run.history_since AS history_since,
            run.watched_days AS watched_days,
            run.seen_at AS seen_at,
            losses.dropped AS known_loss,
            greatest(m.first_seen_at, m.downloaded_at) AS here_since,
            if(u.last_used_at = 0, m.first_seen_at, u.last_used_at) AS idle_since,
            arrayMap(
                since -> dateDiff('second', since, {as_of:DateTime64(6, 'UTC')}) / 86400
                    -- whole days in between that nothing watched
                    - greatest(0, dateDiff('day', since, {as_of:DateTime64(6, 'UTC')}) - 1 - arrayCount(
                        day -> day > toDate(since, 'UTC') AND day < toDate({as_of:DateTime64(6, 'UTC')}, 'UTC'),
                        run.days
                    )),
                [here_since, idle_since]
            ) AS watched_since,
            watched_since[1] AS age_days,
            watched_since[2] AS idle_days,
            arrayMax(arrayConcat([0.], u.gaps)) AS longest_gap_days,
            multiIf(
                u.uses = 0, {never_used_days:Float64},
                u.uses < {few_uses:UInt32}, {few_uses_idle_days:Float64},
                greatest({idle_days:Float64}, 2 * longest_gap_days)
            ) AS idle_limit_days,
            if(u.uses = 0, {never_used_days:Float64}, {age_days:Float64}) AS age_limit_days,
            arrayCount(gap -> gap >= idle_days AND gap <= idle_days + 30, every_gap.finished) AS gaps_ended,
            arrayCount(gap -> gap > idle_days + 30, arrayConcat(every_gap.finished, every_gap.open)) AS gaps_lasted,
            multiIf(
                watched_days < {history_days:Float64}, 'history',
                run.is_silent, 'silence',
                known_loss > 0, 'loss',
                age_days < age_limit_days, 'age',
                idle_days < idle_limit_days, 'idle',
                ''
            ) AS stopped_by,
            if(gaps_ended + gaps_lasted = 0, NULL, 1 - (gaps_ended + 1) / (gaps_ended + gaps_lasted + 2)) AS confidence
        FROM models AS m
        LEFT JOIN use AS u ON u.model = m.model
        CROSS JOIN every_gap
        CROSS JOIN run
        CROSS JOIN losses
    )

SELECT
    'cleanup' AS kind,
    'guarded' AS policy,
    {as_of:DateTime64(6, 'UTC')} AS as_of,
    model AS subject,
    if(stopped_by = '', 'advise', 'refused') AS verdict,
    multiIf(
        stopped_by = 'history',
        format('history: watched for {} {}, {} are needed',
            toString(watched_days), if(watched_days = 1, 'day', 'days'), toString({history_days:Float64})),
        stopped_by = 'silence',
        format('silence: nothing was seen since {}', toString(toDateTime(seen_at, 'UTC'))),
        stopped_by = 'loss',
        format('loss: {} operations were dropped before they were stored', toString(known_loss)),
        stopped_by = 'age',
        format('age: here for {} days, {} are needed', toString(floor(age_days)), toString(age_limit_days)),
        stopped_by = 'idle',
        format('idle: for {} days, {} are needed', toString(floor(idle_days)), toString(ceil(idle_limit_days))),
        uses = 0,
        format('delete: never used in the {} days it is here', toString(floor(age_days))),
        format('delete: not used for {} days, longest gap before {}',
            toString(floor(idle_days)), toString(round(longest_gap_days, 1)))
    ) AS reason,
    if(stopped_by = '', confidence, NULL) AS confidence,
    multiIf(
        stopped_by != '', '',
        -- where nothing comparable was seen, one half, as where one returned and one did not
        coalesce(confidence, 0.5) * coalesce(size_bytes, 0) >= 10 * pow(2, 30), 'high',
        coalesce(confidence, 0.5) * coalesce(size_bytes, 0) >= pow(2, 30), 'medium',
        'low'
    ) AS priority,
    toJSONString(CAST(
        (
            uses, last_used_at, round(idle_days, 1), round(idle_limit_days, 1), round(longest_gap_days, 1),
            first_seen_at, downloaded_at, round(age_days, 1), size_bytes, watched_days, known_loss
        ),
        'Tuple(
            uses UInt64, last_used_at Nullable(DateTime64(0, \'UTC\')), idle_days Float64, idle_limit_days Float64,
            longest_gap_days Float64, first_seen_at DateTime64(0, \'UTC\'),
            downloaded_at Nullable(DateTime64(0, \'UTC\')), age_days Float64,
            size_bytes Nullable(UInt64), watched_days UInt64, known_loss UInt64
        )'
    )) AS evidence,
    history_since AS window_since,
    {as_of:DateTime64(6, 'UTC')} AS window_until,
    {as_of:DateTime64(6, 'UTC')} + INTERVAL 7 DAY AS expires_at,
    false AS is_unsafe
FROM judged
WHERE idle_days >= {evidence_idle_days:Float64} OR uses = 0
UNION ALL
SELECT
    'cleanup',
    'guarded',
    {as_of:DateTime64(6, 'UTC')},
    '*',
    'refused',
    multiIf(
        run.watched_days < {history_days:Float64},
        format('history: watched for {} {}, {} are needed before any model is advised away',
            toString(run.watched_days), if(run.watched_days = 1, 'day', 'days'), toString({history_days:Float64})),
        run.is_silent,
        format('silence: nothing was seen since {}; what was used after that is not known',
            toString(toDateTime(run.seen_at, 'UTC'))),
        format('loss: {} operations were dropped before they were stored', toString(losses.dropped))
    ),
    NULL,
    '',
    toJSONString(CAST(
        (run.watched_days, run.models, losses.dropped),
        'Tuple(watched_days UInt64, models UInt64, known_loss UInt64)'
    )),
    run.history_since,
    {as_of:DateTime64(6, 'UTC')},
    {as_of:DateTime64(6, 'UTC')} + INTERVAL 7 DAY,
    false
FROM run
CROSS JOIN losses
WHERE run.models > 0 AND (run.watched_days < {history_days:Float64} OR run.is_silent OR losses.dropped > 0)
