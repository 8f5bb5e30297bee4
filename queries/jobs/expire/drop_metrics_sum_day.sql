-- Drops one day of a landing table of metrics.
-- Reads: otel_metrics_sum
ALTER TABLE otel_metrics_sum DROP PARTITION {day:String}
