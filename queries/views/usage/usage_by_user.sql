-- Who uses most: each user, by the hash, with the models asked and how it went. Operations without a user are one row
-- with an empty user. Read from the events, which are kept for 90 days as a rule.
-- Grain: one row per user.
-- Reads: usage_operations
-- Read by: stats user
SELECT
    if(user_hash = 0, '', leftPad(lower(hex(user_hash)), 16, '0')) AS user,
    count() AS operations,
    uniqExact(model) AS models,
    uniqExactIf(session, session != '') AS sessions,
    countIf(outcome = 'success') AS successes,
    countIf(outcome IN ('failure', 'error')) AS failures,
    countIf(outcome = 'cancelled') AS cancelled,
    countIf(is_abandoned) AS abandoned,
    operations - countIf(outcome = 'cancelled' OR is_in_flight) AS rated,
    if(rated = 0, NULL, (successes + countIf(outcome = 'partial_success') / 2) / rated) AS success_rate,
    countIf(is_cold_start) AS cold_starts,
    sum(coalesce(load_us, 0)) / 1000 AS waited_for_loads_ms,
    if(countIf(has_duration) = 0, NULL, sumIf(assumeNotNull(duration_us), has_duration) / countIf(has_duration) / 1000)
        AS mean_ms,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    min(start) AS first_used_at,
    max(start) AS last_used_at
FROM usage_operations(
    kind = if({subject:String} = '', '', {kind:String}),
    subject = {subject:String},
    operation = {operation:String},
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
)
GROUP BY user_hash
ORDER BY operations DESC, user
