-- No event of a frozen month was received after the month was frozen: it belongs into usage_late.
-- Grain: one row per month.
-- Reads: usage_events, frozen_months
WITH
    closed AS (
        SELECT
            month,
            min(frozen_at) AS closed_at
        FROM frozen_months
        GROUP BY month
    )

SELECT
    closed.month AS month,
    count() AS events,
    max(e.received_at) AS newest_at
FROM usage_events AS e
INNER JOIN closed ON closed.month = toStartOfMonth(e.start)
WHERE e.received_at > closed.closed_at
GROUP BY month
ORDER BY month
