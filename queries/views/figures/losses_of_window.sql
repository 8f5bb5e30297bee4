-- What processes say they lost in a window: null where none said anything of itself in it, for then nobody knows. What
-- a process says is cumulated since it started.
-- Grain: one row.
-- Reads: heartbeats
-- Read by: answer_context, answer_quality_by_subject
WITH
    by_process AS (
        SELECT
            instance,
            max(dropped) AS dropped_at_end,
            maxIf(dropped, at < {since:DateTime64(6, 'UTC')}) AS dropped_before
        FROM heartbeats
        WHERE at < {until:DateTime64(6, 'UTC')} AND dropped > 0
        GROUP BY instance
    ),

    heard AS (
        -- a process speaks every half minute; three times that is the patience of completeness
        SELECT instance
        FROM heartbeats
        WHERE at >= {since:DateTime64(6, 'UTC')} - toIntervalSecond(90) AND at < {until:DateTime64(6, 'UTC')}
        -- as they are stored, so that the first one ends it
        ORDER BY instance, at
        LIMIT 1
    )

SELECT
    if(
        (SELECT count() FROM heard) = 0,
        NULL,
        (SELECT sum(dropped_at_end - dropped_before) FROM by_process)
    ) AS dropped
