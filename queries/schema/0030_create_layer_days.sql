-- The days (UTC) on which requests began that instrumentations of others told of, for ever: nobody knows how many
-- calls their samplers left out, so an answer about such a day says that its coverage is not known.
-- Grain: one row per day and layer once merged.
CREATE TABLE IF NOT EXISTS layer_days (
    day Date,
    layer LowCardinality(String)
)
ENGINE = ReplacingMergeTree
ORDER BY (day, layer)
