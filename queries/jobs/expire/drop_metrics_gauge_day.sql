-- Drops one day of a landing table of metrics.
-- Reads: otel_metrics_gauge
ALTER TABLE otel_metrics_gauge DROP PARTITION {day:String}
