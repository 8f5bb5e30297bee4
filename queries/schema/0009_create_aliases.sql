-- Names for the same subject (repository id, path, file name, served name), joined when reading: rolls keep what
-- was said, so an edit works back to the beginning. An empty name removes the alias.
-- Grain: one row per kind and alias once merged.
CREATE TABLE IF NOT EXISTS aliases (
    kind LowCardinality(String),
    alias String,
    name String,
    edited_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(edited_at)
ORDER BY (kind, alias)
