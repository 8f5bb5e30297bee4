-- The kinds of subject that are rolled; usage_figures knows which column each one is.
-- Grain: one row per kind.
-- Reads: nothing
-- Read by: the roll job
SELECT arrayJoin(['model', 'pattern', 'error_type', 'service']) AS kind
