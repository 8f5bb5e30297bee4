-- The aliases of a kind of subject: what is said, and the name it goes by.
-- Grain: one row per alias.
-- Reads: aliases
SELECT alias, name, edited_at
FROM aliases FINAL
WHERE kind = {kind:String} AND name != ''
ORDER BY name, alias
