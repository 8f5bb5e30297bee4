-- The kinds of subject that figures are kept about; figures_raw says which column of an event each one is.
-- 'all' is one subject for every operation; 'instance' is the reporting process below the name of its
-- service, on a line each, without durations and users.
-- Grain: one row per kind.
-- Reads: nothing
-- Read by: the roll job
SELECT
    arrayJoin([
        'all', 'model', 'pattern', 'project', 'agent', 'context_type', 'file_type', 'error_type', 'service', 'instance'
    ]) AS kind
