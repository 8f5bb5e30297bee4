-- How many operations processes say they dropped since a moment, up to another. What a process says is cumulated since
-- it started.
-- Grain: one row.
-- Reads: heartbeats
-- Read by: the cleanup advice
SELECT sum(dropped_at_end - dropped_before) AS dropped
FROM (
    SELECT
        instance,
        max(dropped) AS dropped_at_end,
        maxIf(dropped, at < {since:DateTime64(6, 'UTC')}) AS dropped_before
    FROM heartbeats
    WHERE at < {as_of:DateTime64(6, 'UTC')} AND dropped > 0
    GROUP BY instance
)
