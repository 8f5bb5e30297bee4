-- Which patterns are used in the same contexts. Read from the events, which are kept for 90 days.
-- Grain: one row per ordered pair of patterns.
-- Reads: patterns_together
SELECT pattern, other_pattern, contexts, share_of_pattern, lift
FROM patterns_together(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
ORDER BY contexts DESC, pattern, other_pattern
