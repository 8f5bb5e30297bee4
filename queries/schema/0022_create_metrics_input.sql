-- Points of metrics on their way to the landing table of their kind: stores nothing itself.
-- The columns are those of the landing tables; a point has the columns of its kind, the others are empty.
-- Grain: one row per point received.
CREATE TABLE IF NOT EXISTS metrics_input (
    Kind LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String),
    ScopeName String,
    ScopeVersion String,
    ServiceName LowCardinality(String),
    MetricName LowCardinality(String),
    MetricDescription String,
    MetricUnit String,
    Attributes Map(LowCardinality(String), String),
    StartTimeUnix DateTime,
    TimeUnix DateTime,
    Flags UInt32,
    ReceivedAt DateTime64(3, 'UTC'),
    -- of gauges and sums
    Value Float64,
    -- of sums and histograms
    AggregationTemporality Int32,
    IsMonotonic Bool,
    -- of histograms and summaries
    Count UInt64,
    Sum Float64,
    Min Float64,
    Max Float64,
    -- of histograms with explicit bounds
    BucketCounts Array(UInt64),
    ExplicitBounds Array(Float64),
    -- of exponential histograms
    Scale Int32,
    ZeroCount UInt64,
    PositiveOffset Int32,
    PositiveBucketCounts Array(UInt64),
    NegativeOffset Int32,
    NegativeBucketCounts Array(UInt64),
    -- of summaries
    Quantiles Array(Float64),
    QuantileValues Array(Float64)
)
ENGINE = Null
