-- How far each import has come.
-- Grain: one row per export that was imported, wholly or not.
-- Reads: imports
-- Read by: import, and the store when it is opened
SELECT
    export_id,
    state,
    noted_at
FROM imports FINAL
ORDER BY noted_at, export_id
