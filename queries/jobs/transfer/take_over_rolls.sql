-- Figures of an export that was made before the schema began anew, where nothing else is left of their month: in months
-- that have events, figures are made from those.
-- Grain: one row per kind of subject, grain and bucket.
-- Reads: nothing
INSERT INTO {scratch:Identifier}.usage_rolls
SELECT COLUMNS('')
FROM {scratch:Identifier}.usage_rolls_before
WHERE toStartOfMonth(bucket) NOT IN (SELECT toStartOfMonth(start) FROM {scratch:Identifier}.usage_events)
