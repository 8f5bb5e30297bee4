-- Points of one batch of the spool, parsed by the engine itself, by way of metrics_input into the table of each kind.
-- path, the batch's id, the schema and the one thread are as in insert_spans; the schema is metrics.proto.
-- A metric has points of one kind only, so joining the lists of all kinds gives the list of its own. A number stands in
-- as_double or in as_int; the other one reads as 0.
-- kinds says which points are stored. The others stay as rows without a kind, and blocks are not merged: so every block
-- has the same number whatever the kinds, and under one batch's id each table takes it once.
-- Grain: one row per point.
-- Reads: a file
-- Read by: the local server
INSERT INTO metrics_input (
    Kind, ResourceAttributes, ScopeName, ScopeVersion, ServiceName, MetricName, MetricDescription,
    MetricUnit, Attributes, StartTimeUnix, TimeUnix, Flags, ReceivedAt, Value, AggregationTemporality,
    IsMonotonic, Count, Sum, Min, Max, BucketCounts, ExplicitBounds, Scale, ZeroCount, PositiveOffset,
    PositiveBucketCounts, NegativeOffset, NegativeBucketCounts, Quantiles, QuantileValues
)
WITH
    pairs -> mapFromArrays(
        arrayMap(pair -> pair.key, pairs),
        arrayMap(
            pair -> multiIf(
                pair.value.value = 'string_value', pair.value.string_value,
                pair.value.value = 'int_value', toString(pair.value.int_value),
                pair.value.value = 'double_value', toString(pair.value.double_value),
                pair.value.value = 'bool_value', if(pair.value.bool_value, 'true', 'false'),
                ''
            ),
            pairs
        )
    ) AS map_of,
    nanoseconds -> toDateTime(least(intDiv(nanoseconds, 1000000000), 4294967295)) AS time_of,
    scopes AS (
        SELECT
            received_at_ms,
            arrayJoin(resource_metrics) AS resource_metric,
            map_of(resource_metric.resource.attributes) AS resource,
            arrayJoin(resource_metric.scope_metrics) AS scope_metric
        FROM file({path:String}, 'Protobuf', replaceAll(replaceAll(
            'received_at_ms UInt64,
            resource_metrics Array(Tuple(
                resource Tuple(attributes <pairs>),
                scope_metrics Array(Tuple(
                    scope Tuple(name String, version String),
                    metrics Array(Tuple(
                        name String, description String, unit String,
                        gauge Tuple(data_points Array(Tuple(<common>, as_double Float64, as_int Int64))),
                        sum Tuple(
                            data_points Array(Tuple(<common>, as_double Float64, as_int Int64)),
                            aggregation_temporality Int32, is_monotonic Bool
                        ),
                        histogram Tuple(
                            data_points Array(Tuple(
                                <common>, count UInt64, sum Float64, min Float64, max Float64,
                                bucket_counts Array(UInt64), explicit_bounds Array(Float64)
                            )),
                            aggregation_temporality Int32
                        ),
                        exponential_histogram Tuple(
                            data_points Array(Tuple(
                                <common>, count UInt64, sum Float64, min Float64, max Float64,
                                scale Int32, zero_count UInt64,
                                positive Tuple(offset Int32, bucket_counts Array(UInt64)),
                                negative Tuple(offset Int32, bucket_counts Array(UInt64))
                            )),
                            aggregation_temporality Int32
                        ),
                        summary Tuple(data_points Array(Tuple(
                            <common>, count UInt64, sum Float64,
                            quantile_values Array(Tuple(quantile Float64, value Float64))
                        )))
                    ))
                ))
            ))',
            '<common>',
            'attributes <pairs>, start_time_unix_nano UInt64, time_unix_nano UInt64, flags UInt32'),
            '<pairs>',
            'Array(Tuple(key String, value Tuple(
                value Enum8(
                    \'no\' = 0, \'string_value\' = 1, \'bool_value\' = 2, \'int_value\' = 3,
                    \'double_value\' = 4
                ),
                string_value String, bool_value Bool, int_value Int64, double_value Float64
            )))'
        ))
    ),
    metrics AS (
        SELECT
            received_at_ms,
            resource,
            scope_metric.scope AS scope,
            arrayJoin(scope_metric.metrics) AS metric,
            metric.gauge.data_points AS gauge,
            metric.sum.data_points AS sum,
            metric.histogram.data_points AS histogram,
            metric.exponential_histogram.data_points AS exponential,
            metric.summary.data_points AS summary,
            multiIf(
                notEmpty(gauge), 'gauge',
                notEmpty(sum), 'sum',
                notEmpty(histogram), 'histogram',
                notEmpty(exponential), 'exponential_histogram',
                'summary'
            ) AS kind,
            arrayConcat(gauge.flags, sum.flags, histogram.flags, exponential.flags, summary.flags) AS flags
        FROM scopes
    )
SELECT
    if(has({kinds:Array(String)}, kind), kind, ''),
    resource,
    scope.name,
    scope.version,
    resource['service.name'],
    metric.name,
    metric.description,
    metric.unit,
    map_of(attributes),
    time_of(started),
    time_of(at),
    flag,
    fromUnixTimestamp64Milli(toInt64(received_at_ms), 'UTC'),
    double + whole,
    metric.sum.aggregation_temporality + metric.histogram.aggregation_temporality
        + metric.exponential_histogram.aggregation_temporality,
    metric.sum.is_monotonic,
    count,
    total,
    least_value,
    most_value,
    buckets,
    bounds,
    scale,
    zeros,
    positive.offset,
    positive.bucket_counts,
    negative.offset,
    negative.bucket_counts,
    quantiles.quantile,
    quantiles.value
FROM metrics
ARRAY JOIN
    arrayConcat(
        gauge.attributes, sum.attributes, histogram.attributes, exponential.attributes, summary.attributes
    ) AS attributes,
    arrayConcat(
        gauge.start_time_unix_nano, sum.start_time_unix_nano, histogram.start_time_unix_nano,
        exponential.start_time_unix_nano, summary.start_time_unix_nano
    ) AS started,
    arrayConcat(
        gauge.time_unix_nano, sum.time_unix_nano, histogram.time_unix_nano, exponential.time_unix_nano,
        summary.time_unix_nano
    ) AS at,
    flags AS flag,
    arrayResize(arrayConcat(gauge.as_double, sum.as_double), length(flags)) AS double,
    arrayResize(arrayConcat(gauge.as_int, sum.as_int), length(flags)) AS whole,
    arrayResize(arrayConcat(histogram.count, exponential.count, summary.count), length(flags)) AS count,
    arrayResize(arrayConcat(histogram.sum, exponential.sum, summary.sum), length(flags)) AS total,
    arrayResize(arrayConcat(histogram.min, exponential.min), length(flags)) AS least_value,
    arrayResize(arrayConcat(histogram.max, exponential.max), length(flags)) AS most_value,
    arrayResize(histogram.bucket_counts, length(flags)) AS buckets,
    arrayResize(histogram.explicit_bounds, length(flags)) AS bounds,
    arrayResize(exponential.scale, length(flags)) AS scale,
    arrayResize(exponential.zero_count, length(flags)) AS zeros,
    arrayResize(exponential.positive, length(flags)) AS positive,
    arrayResize(exponential.negative, length(flags)) AS negative,
    arrayResize(summary.quantile_values, length(flags)) AS quantiles
SETTINGS
    max_threads = 1,
    max_insert_threads = 1,
    min_insert_block_size_rows = 0,
    min_insert_block_size_bytes = 0,
    deduplicate_blocks_in_dependent_materialized_views = 1,
    input_format_protobuf_oneof_presence = 1
