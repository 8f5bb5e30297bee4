-- Who uses models most, by the pseudonymous hash; requests without a user are one row with an empty one. Read from the
-- events, which are kept for 90 days.
-- Grain: one row per user, at most 500.
-- Reads: usage_by_user
SELECT user, operations AS requests, models, success_rate, cold_starts, waited_for_loads_ms, mean_ms, last_used_at
FROM usage_by_user(
    kind = '',
    subject = '',
    operation = 'model.request',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
ORDER BY requests DESC, user
LIMIT 500
