-- Points of sums land as the collector would write them.
-- Reads: metrics_input
CREATE MATERIALIZED VIEW IF NOT EXISTS metrics_sum_from_input TO otel_metrics_sum AS
SELECT
    ResourceAttributes, ScopeName, ScopeVersion, ServiceName, MetricName, MetricDescription,
    MetricUnit, Attributes, StartTimeUnix, TimeUnix, Value, AggregationTemporality, IsMonotonic,
    Flags, ReceivedAt
FROM metrics_input
WHERE Kind = 'sum'
