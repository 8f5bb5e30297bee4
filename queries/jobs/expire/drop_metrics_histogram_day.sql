-- Drops one day of a landing table of metrics.
-- Reads: otel_metrics_histogram
ALTER TABLE otel_metrics_histogram DROP PARTITION {day:String}
