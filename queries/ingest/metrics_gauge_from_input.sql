-- Points of gauges land as the collector would write them.
-- Reads: metrics_input
CREATE MATERIALIZED VIEW IF NOT EXISTS metrics_gauge_from_input TO otel_metrics_gauge AS
SELECT
    ResourceAttributes, ScopeName, ScopeVersion, ServiceName, MetricName, MetricDescription,
    MetricUnit, Attributes, StartTimeUnix, TimeUnix, Value, Flags, ReceivedAt
FROM metrics_input
WHERE Kind = 'gauge'
