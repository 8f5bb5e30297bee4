-- What an export or import that was stopped left behind, and what one that runs is using.
-- Grain: one row per database.
-- Reads: nothing
-- Read by: export, import
SELECT name
FROM system.databases
WHERE startsWith(name, {prefix:String})
ORDER BY name
