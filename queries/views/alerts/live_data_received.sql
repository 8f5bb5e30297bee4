-- When something was last received that lives: a heartbeat, or an operation that no import brought; null where nothing
-- was in the window.
-- Grain: one row.
-- Reads: heartbeats, usage_events
-- Read by: the alerts job
SELECT max(received.at) AS received_at
FROM (
    SELECT maxOrNull(h.received_at)::Nullable(DateTime64(6, 'UTC')) AS at
    FROM heartbeats AS h
    WHERE h.received_at >= {since:DateTime64(6, 'UTC')} AND h.received_at < {until:DateTime64(6, 'UTC')}
    UNION ALL
    SELECT maxOrNull(e.received_at)
    FROM usage_events AS e
    -- what lives is received soon after it began
    WHERE e.start >= {since:DateTime64(6, 'UTC')} - toIntervalDay(1)
        AND e.received_at >= {since:DateTime64(6, 'UTC')}
        AND e.received_at < {until:DateTime64(6, 'UTC')}
        AND e.source != 'import'
) AS received
