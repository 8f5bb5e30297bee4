-- Figures of finished buckets, for ever. A bucket is written whole, its subjects in arrays side by side, so it is
-- atomic, and a subject that vanished vanishes. The version is the number of event rows consumed: a slow runner
-- cannot shadow a better row.
-- Grain: one row per kind of subject, grain and bucket once merged.
CREATE TABLE IF NOT EXISTS usage_rolls (
    kind LowCardinality(String),
    grain Enum8('hour' = 1, 'day' = 2),
    bucket DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    consumed UInt64,
    -- key
    operation Array(LowCardinality(String)),
    subject Array(LowCardinality(String)),
    -- counts
    operations Array(UInt64),
    successes Array(UInt64),
    partial_successes Array(UInt64),
    failures Array(UInt64),
    errors Array(UInt64),
    cancellations Array(UInt64),
    unfinished_starts Array(Array(DateTime64(6, 'UTC'))),
    cold_starts Array(UInt64),
    -- durations of finished operations, cancelled ones excluded
    durations Array(UInt64),
    duration_sum_us Array(UInt64),
    duration_squares_us2 Array(UInt128),
    duration_min_us Array(UInt64),
    duration_max_us Array(UInt64),
    duration_histogram Array(Map(Int16, UInt64)),
    -- sums
    input_tokens Array(UInt64),
    output_tokens Array(UInt64),
    moved_bytes Array(UInt64),
    size_bytes Array(UInt64),
    qualities Array(UInt64),
    quality_sum_ppm Array(UInt64),
    -- times
    first_at Array(DateTime64(9, 'UTC')),
    last_at Array(DateTime64(9, 'UTC')),
    -- users, by number
    users Array(AggregateFunction(groupBitmap, UInt32))
)
ENGINE = ReplacingMergeTree(consumed)
PARTITION BY toStartOfMonth(bucket)
ORDER BY (kind, grain, bucket)
SETTINGS
    -- rows are wide and few: small granules make a window cheap to cut out
    index_granularity = 16
