-- An alias leads to a name, not to another alias: names are joined in one step.
-- Grain: one row per alias whose name is an alias.
-- Reads: aliases
SELECT kind, alias, name
FROM aliases FINAL
WHERE name != ''
    AND name != alias
    AND (kind, name) IN (SELECT kind, alias FROM aliases FINAL WHERE name != '' AND name != alias)
ORDER BY kind, alias
