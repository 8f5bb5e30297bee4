-- Drops the slices of an hour that is settled and rolled.
-- Reads: usage_rolls
ALTER TABLE usage_rolls DROP PARTITION (true, {hour:DateTime('UTC')})
