-- Drops the events of a month that is frozen and rolled.
-- Reads: usage_events
ALTER TABLE usage_events DROP PARTITION {month:String}
