-- What is stored of a window at all: operations of every kind, nested ones too, the first and the newest.
-- Grain: one row.
-- Reads: usage_figures
-- Read by: stats stored, every sentence about a window in which nothing began
SELECT
    sum(sums.operations) AS operations,
    minOrNull(lows.first_at) AS first_used_at,
    maxOrNull(highs.last_at) AS last_used_at,
    maxOrNull(highs.received_at) AS newest_at
FROM usage_figures(
    kind = 'all',
    operation = '',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    finest = 'week'
)
