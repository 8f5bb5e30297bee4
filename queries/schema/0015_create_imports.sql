-- Which exports were imported here, so that none is imported twice, and one that was stopped while its rows were put
-- in place is finished when the store is opened next.
-- Grain: one row per export once merged.
CREATE TABLE IF NOT EXISTS imports (
    export_id String,
    -- publishing, done, or withdrawn when it failed and its rows were taken back
    state LowCardinality(String),
    noted_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(noted_at)
ORDER BY export_id
