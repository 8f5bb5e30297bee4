-- Drops one day of the landing table.
-- Reads: otel_traces
ALTER TABLE otel_traces DROP PARTITION {day:String}
