-- A frozen month whose events are gone has its figures in rolls of every kind that is rolled at all.
-- Grain: one row per kind and month without a rolled hour.
-- Reads: frozen_months, usage_events, usage_rolls
WITH
    months AS (
        SELECT DISTINCT month
        FROM frozen_months
    ),

    kinds AS (
        SELECT DISTINCT kind
        FROM usage_rolls
    )

SELECT
    kinds.kind AS kind,
    months.month AS month
FROM months
CROSS JOIN kinds
WHERE months.month NOT IN (SELECT toStartOfMonth(start) FROM usage_events)
    AND (kind, month) NOT IN (SELECT kind, toStartOfMonth(bucket) FROM usage_rolls WHERE grain = 'hour')
ORDER BY kind, month
