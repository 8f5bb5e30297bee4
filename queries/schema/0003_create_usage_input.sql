-- What a span says about an operation, typed, on its way to where it belongs: stores nothing itself.
-- It has the columns of the events, and reject_reason says why a span cannot be one of them.
-- Grain: one row per span of ours received.
CREATE TABLE IF NOT EXISTS usage_input AS usage_events
ENGINE = Null
