-- Drops one day of a landing table of metrics.
-- Reads: otel_metrics_summary
ALTER TABLE otel_metrics_summary DROP PARTITION {day:String}
