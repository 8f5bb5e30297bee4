-- In how many contexts each subject of a kind is used, exactly, in any window. A context is what its id says, or its
-- type where an operation says no id; who uses is the user, or the agent where there is no user. Operations that say no
-- subject of the kind are one row with an empty one.
-- Read from the events, which are kept for 90 days as a rule: no roll knows contexts.
-- Grain: one row per subject with use in the window.
-- Reads: operations_by_subject
-- Read by: stats contexts
SELECT
    whose AS subject,
    count() AS operations,
    uniqExactIf(context, context != '') AS contexts,
    uniqExactIf(context_type::String, context_type != '') AS context_types,
    countIf(context != '') AS operations_in_context,
    if(contexts = 0, NULL, operations_in_context / contexts) AS operations_per_context,
    uniqExactIf(who, who != (0, '')) AS users_or_agents
FROM operations_by_subject(
    kind = {kind:String},
    only = '',
    subject = '',
    operation = {operation:String},
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
)
GROUP BY subject
ORDER BY operations DESC, subject
