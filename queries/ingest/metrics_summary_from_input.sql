-- Points of summaries land as the collector would write them.
-- Reads: metrics_input
CREATE MATERIALIZED VIEW IF NOT EXISTS metrics_summary_from_input TO otel_metrics_summary AS
SELECT
    ResourceAttributes, ScopeName, ScopeVersion, ServiceName, MetricName, MetricDescription,
    MetricUnit, Attributes, StartTimeUnix, TimeUnix, Count, Sum,
    Quantiles AS `ValueAtQuantiles.Quantile`, QuantileValues AS `ValueAtQuantiles.Value`, Flags,
    ReceivedAt
FROM metrics_input
WHERE Kind = 'summary'
