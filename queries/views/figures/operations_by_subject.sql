-- Every operation of a window once, as usage_operations has it, beside whose it is: its subject of a kind, by name.
-- Those of one subject, or, where it is '', the ones that only chooses: all (''), or those somebody evaluated
-- ('evaluated'). A context is what its id says, or its type where an operation says no id; who uses is the user, or the
-- agent where there is no user.
-- Operations that say no subject of the kind have an empty one, and so have all of kind 'all'; a user goes by the hash.
-- Grain: one row per operation.
-- Reads: usage_operations
-- Read by: cost_by_subject, contexts_by_subject, answer_quality_by_subject, evaluations_of_operations
SELECT
    multiIf(
        {kind:String} = 'model', o.model,
        {kind:String} = 'pattern', o.pattern,
        {kind:String} = 'project', o.project::String,
        {kind:String} = 'agent', o.agent::String,
        {kind:String} = 'context_type', o.context_type::String,
        {kind:String} = 'file_type', o.file_type::String,
        {kind:String} = 'error_type', o.error_type::String,
        {kind:String} = 'service', o.service::String,
        {kind:String} = 'user' AND o.user_hash != 0, leftPad(lower(hex(o.user_hash)), 16, '0'),
        ''
    ) AS whose,
    if(o.context_id != '', o.context_id, o.context_type::String) AS context,
    (o.user_hash, if(o.user_hash = 0, o.agent::String, '')) AS who,
    o.* EXCEPT (custom)
FROM usage_operations(
    kind = if({subject:String} = '', {only:String}, {kind:String}),
    subject = {subject:String},
    operation = {operation:String},
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
) AS o
