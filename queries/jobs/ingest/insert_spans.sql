-- One batch of the spool into the landing table, parsed by the engine itself.
-- path is a file of length-delimited messages: ExportTraceServiceRequest as the receiver filtered it, with one field
-- more, 1000, the time of receipt in milliseconds. The caller passes the batch's id as insert_deduplication_token, so
-- the same batch under the same id is stored once. One thread makes the same blocks in the same order each time.
-- The caller names the schema beside this file, spans.proto, in the setting format_schema. The column named like the
-- oneof tells 0, false and '' from nothing.
-- The hash of an erased user does not even land; where nobody was erased, nothing is compared.
-- A Duration wraps when a span ends before it starts, as the collector's exporter writes it.
-- Grain: one row per span.
-- Reads: tombstones
-- Read by: the local server
INSERT INTO otel_traces (
    Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName,
    ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, StatusMessage,
    Events.Timestamp, Events.Name, Events.Attributes,
    Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes,
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
    batches AS (
        SELECT
            received_at_ms,
            arrayJoin(resource_spans) AS resource_span
        FROM file({path:String}, 'Protobuf', replaceAll(
            'received_at_ms UInt64,
            resource_spans Array(Tuple(
                resource Tuple(attributes <pairs>),
                scope_spans Array(Tuple(
                    scope Tuple(name String, version String),
                    spans Array(Tuple(
                        trace_id String, span_id String, trace_state String, parent_span_id String,
                        name String, kind Int32,
                        start_time_unix_nano UInt64, end_time_unix_nano UInt64,
                        attributes <pairs>,
                        events Array(Tuple(time_unix_nano UInt64, name String, attributes <pairs>)),
                        links Array(Tuple(trace_id String, span_id String, trace_state String)),
                        status Tuple(message String, code Int32)
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
            map_of(resource_span.resource.attributes) AS resource,
            arrayJoin(resource_span.scope_spans) AS scope_span
        FROM batches
    ),
    spans AS (
        SELECT
            received_at_ms,
            resource,
            scope_span.scope AS scope,
            arrayJoin(scope_span.spans) AS span
        FROM scopes
    )
SELECT
    fromUnixTimestamp64Nano(reinterpretAsInt64(span.start_time_unix_nano)),
    lower(hex(span.trace_id)),
    lower(hex(span.span_id)),
    lower(hex(span.parent_span_id)),
    span.trace_state,
    span.name,
    transform(
        span.kind,
        [1, 2, 3, 4, 5],
        ['Internal', 'Server', 'Client', 'Producer', 'Consumer'],
        'Unspecified'
    ),
    resource['service.name'],
    resource,
    scope.name,
    scope.version,
    map_of(if(
        (SELECT count() FROM tombstones) > 0,
        arrayFilter(
            pair -> pair.key != 'user.hash'
                OR SHA256(concat('modeltally erased user ', pair.value.string_value))
                    NOT IN (SELECT digest FROM tombstones),
            span.attributes
        ),
        span.attributes
    )),
    span.end_time_unix_nano - span.start_time_unix_nano,
    transform(span.status.code, [1, 2], ['Ok', 'Error'], 'Unset'),
    span.status.message,
    arrayMap(event -> fromUnixTimestamp64Nano(reinterpretAsInt64(event.time_unix_nano)), span.events),
    arrayMap(event -> event.name, span.events),
    arrayMap(event -> map_of(event.attributes), span.events),
    arrayMap(link -> lower(hex(link.trace_id)), span.links),
    arrayMap(link -> lower(hex(link.span_id)), span.links),
    arrayMap(link -> link.trace_state, span.links),
    arrayMap(link -> map(), span.links),
    fromUnixTimestamp64Milli(toInt64(received_at_ms), 'UTC')
FROM spans
SETTINGS
    max_threads = 1,
    max_insert_threads = 1,
    input_format_protobuf_oneof_presence = 1
