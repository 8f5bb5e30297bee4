-- Points of exponential histograms land as the collector would write them.
-- Reads: metrics_input
CREATE MATERIALIZED VIEW IF NOT EXISTS metrics_exponential_histogram_from_input TO otel_metrics_exponential_histogram AS
SELECT
    ResourceAttributes, ScopeName, ScopeVersion, ServiceName, MetricName, MetricDescription,
    MetricUnit, Attributes, StartTimeUnix, TimeUnix, Count, Sum, Min, Max, Scale, ZeroCount,
    PositiveOffset, PositiveBucketCounts, NegativeOffset, NegativeBucketCounts,
    AggregationTemporality, Flags, ReceivedAt
FROM metrics_input
WHERE Kind = 'exponential_histogram'
