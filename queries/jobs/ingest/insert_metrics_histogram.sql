-- Points of one batch of the spool into otel_metrics_histogram, parsed by the engine itself.
-- path, the batch's id, the schema and the one thread are as in insert_spans; the schema is metrics.proto.
-- Grain: one row per point.
-- Reads: a file
-- Read by: the local server
INSERT INTO otel_metrics_histogram (
    ResourceAttributes, ScopeName, ScopeVersion, ServiceName,
    MetricName, MetricDescription, MetricUnit, Attributes, StartTimeUnix, TimeUnix,
    Count, Sum, BucketCounts, ExplicitBounds, Flags, Min, Max, AggregationTemporality,
    ReceivedAt
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
    batches AS (
        SELECT
            received_at_ms,
            arrayJoin(resource_metrics) AS resource_metric
        FROM file({path:String}, 'Protobuf', replaceAll(
            'received_at_ms UInt64,
            resource_metrics Array(Tuple(
                resource Tuple(attributes <pairs>),
                scope_metrics Array(Tuple(
                    scope Tuple(name String, version String),
                    metrics Array(Tuple(
                        name String, description String, unit String,
                        histogram Tuple(data_points Array(Tuple(
                            attributes <pairs>, start_time_unix_nano UInt64, time_unix_nano UInt64,
                            count UInt64, sum Float64, bucket_counts Array(UInt64), explicit_bounds Array(Float64),
                            flags UInt32, min Float64, max Float64
                        )),
                        aggregation_temporality Int32)
                    ))
                ))
            ))',
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
    scopes AS (
        SELECT
            received_at_ms,
            map_of(resource_metric.resource.attributes) AS resource,
            arrayJoin(resource_metric.scope_metrics) AS scope_metric
        FROM batches
    ),
    metrics AS (
        SELECT
            received_at_ms,
            resource,
            scope_metric.scope AS scope,
            arrayJoin(scope_metric.metrics) AS metric,
            metric.histogram AS data
        FROM scopes
    ),
    points AS (
        SELECT
            received_at_ms,
            resource,
            scope,
            metric,
            data,
            arrayJoin(data.data_points) AS point
        FROM metrics
    )
SELECT
    resource,
    scope.name,
    scope.version,
    resource['service.name'],
    metric.name,
    metric.description,
    metric.unit,
    map_of(point.attributes),
    time_of(point.start_time_unix_nano),
    time_of(point.time_unix_nano),
    point.count,
    point.sum,
    point.bucket_counts,
    point.explicit_bounds,
    point.flags,
    point.min,
    point.max,
    data.aggregation_temporality,
    fromUnixTimestamp64Milli(toInt64(received_at_ms), 'UTC')
FROM points
SETTINGS
    max_threads = 1,
    max_insert_threads = 1,
    input_format_protobuf_oneof_presence = 1
