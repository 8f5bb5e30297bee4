-- Where the figures of an export go that was made before the schema began anew, as they were then: sides of arrays, a
-- row for each kind of subject, hour and day.
-- Grain: one row per kind of subject, grain and bucket once merged.
CREATE TABLE {scratch:Identifier}.usage_rolls_before (
    kind LowCardinality(String),
    grain Enum8('hour' = 1, 'day' = 2),
    bucket DateTime('UTC'),
    consumed UInt64,
    operation Array(LowCardinality(String)),
    subject Array(LowCardinality(String)),
    operations Array(UInt64),
    successes Array(UInt64),
    partial_successes Array(UInt64),
    failures Array(UInt64),
    errors Array(UInt64),
    cancellations Array(UInt64),
    unfinished_starts Array(Array(DateTime64(6, 'UTC'))),
    cold_starts Array(UInt64),
    durations Array(UInt64),
    duration_sum_us Array(UInt64),
    duration_squares_us2 Array(UInt128),
    duration_min_us Array(UInt64),
    duration_max_us Array(UInt64),
    duration_histogram Array(Map(Int16, UInt64)),
    input_tokens Array(UInt64),
    output_tokens Array(UInt64),
    moved_bytes Array(UInt64),
    size_bytes Array(UInt64),
    qualities Array(UInt64),
    quality_sum_ppm Array(UInt64),
    first_at Array(DateTime64(9, 'UTC')),
    last_at Array(DateTime64(9, 'UTC')),
    users Array(AggregateFunction(groupBitmap, UInt32))
)
ENGINE = MergeTree
PARTITION BY toStartOfMonth(bucket)
ORDER BY (kind, grain, bucket)
