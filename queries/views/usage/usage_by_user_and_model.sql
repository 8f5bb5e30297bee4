-- Which user asks which model, and how it goes. Read from the events, which are kept for 90 days as a rule.
-- Grain: one row per user and model.
-- Reads: usage_operations
-- Read by: stats user-models
SELECT
    if(user_hash = 0, '', leftPad(lower(hex(user_hash)), 16, '0')) AS user,
    model,
    count() AS requests,
    countIf(outcome = 'success') AS successes,
    countIf(outcome IN ('failure', 'error')) AS failures,
    requests - countIf(outcome = 'cancelled' OR is_in_flight) AS rated,
    if(rated = 0, NULL, (successes + countIf(outcome = 'partial_success') / 2) / rated) AS success_rate,
    countIf(is_cold_start) AS cold_starts,
    if(countIf(has_duration) = 0, NULL, sumIf(assumeNotNull(duration_us), has_duration) / countIf(has_duration) / 1000)
        AS mean_ms,
    min(start) AS first_used_at,
    max(start) AS last_used_at
FROM usage_operations(
    kind = if({user:String} = '', '', 'user'),
    subject = {user:String},
    operation = 'model.request',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
)
GROUP BY user_hash, model
ORDER BY requests DESC, user, model
