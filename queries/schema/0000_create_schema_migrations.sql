-- Which files of the schema were applied, and what they said: of what fills the tables, what it says now.
-- Grain: one row per file once merged.
CREATE TABLE IF NOT EXISTS schema_migrations (
    name String,
    checksum String,
    applied_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY name
