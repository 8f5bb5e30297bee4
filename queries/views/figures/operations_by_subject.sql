-- Every operation of a window once, as usage_operations has it, beside whose it is: its subject of a kind, by name.
-- only is the kind that usage_operations chooses by: '' for every operation, 'evaluated' for those somebody evaluated.
-- Operations that say no subject of the kind have an empty one, and so have all of kind 'all'; a user goes by the hash.
-- Grain: one row per operation.
-- Reads: usage_operations
-- Read by: cost_by_subject, contexts_by_subject, evaluations_of_operations
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
    o.* EXCEPT (custom)
FROM usage_operations(
    kind = {only:String},
    subject = '',
    operation = {operation:String},
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
) AS o
