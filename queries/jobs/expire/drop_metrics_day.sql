-- Drops one day of a landing table of metrics.
-- Grain: that of the table.
-- Reads: nothing
ALTER TABLE {table:Identifier} DROP PARTITION {day:String}
