-- Points of histograms with explicit bounds land as the collector would write them.
-- Reads: metrics_input
CREATE MATERIALIZED VIEW IF NOT EXISTS metrics_histogram_from_input TO otel_metrics_histogram AS
SELECT
    ResourceAttributes, ScopeName, ScopeVersion, ServiceName, MetricName, MetricDescription,
    MetricUnit, Attributes, StartTimeUnix, TimeUnix, Count, Sum, Min, Max, BucketCounts,
    ExplicitBounds, AggregationTemporality, Flags, ReceivedAt
FROM metrics_input
WHERE Kind = 'histogram'
