-- Figures of finished buckets, for ever: hours, days and weeks (Monday, UTC), and five-minute slices of hours that rows
-- still come for. A bucket is written whole, its subjects in arrays side by side, so it is atomic, and a subject that
-- vanished vanishes. The version is the number of event rows consumed: a slow runner cannot shadow a better row.
-- Each bucket has a row for every kind of subject and for both sections, requests and what else there is.
-- Grain: one row per kind of subject, section, grain and bucket once merged.
CREATE TABLE IF NOT EXISTS usage_rolls (
    kind LowCardinality(String),
    section Enum8('request' = 1, 'other' = 2),
    grain Enum8('slice' = 1, 'hour' = 2, 'day' = 3, 'week' = 4),
    bucket DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    consumed UInt64 CODEC(T64, ZSTD(1)),
    rolled_at DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    -- key
    operation Array(LowCardinality(String)) CODEC(ZSTD(1)),
    subject Array(LowCardinality(String)) CODEC(ZSTD(1)),
    -- what adds up; durations are of finished operations, cancelled ones excluded
    sums Array(Tuple(
        operations UInt64,
        successes UInt64,
        partial_successes UInt64,
        failures UInt64,
        errors UInt64,
        cancellations UInt64,
        cold_starts UInt64,
        durations UInt64,
        duration_sum_us UInt64,
        duration_squares_us2 UInt128,
        input_tokens UInt64,
        output_tokens UInt64,
        moved_bytes UInt64,
        qualities UInt64,
        quality_sum_ppm UInt64,
        timeouts UInt64,
        gate_failures UInt64,
        queues UInt64,
        queue_sum_us UInt64,
        load_sum_us UInt64,
        cost_millionths UInt64
    )) CODEC(ZSTD(1)),
    -- of which the smallest counts, and of which the largest
    lows Array(Tuple(
        duration_min_us UInt64,
        first_at DateTime64(9, 'UTC')
    )) CODEC(ZSTD(1)),
    highs Array(Tuple(
        duration_max_us UInt64,
        queue_max_us UInt64,
        size_bytes UInt64,
        last_at DateTime64(9, 'UTC'),
        received_at DateTime64(3, 'UTC')
    )) CODEC(ZSTD(1)),
    -- what is joined
    unfinished_starts Array(Array(DateTime64(6, 'UTC'))) CODEC(ZSTD(1)),
    duration_histogram Array(Map(Int16, UInt64)) CODEC(ZSTD(1)),
    -- users, by number
    users Array(AggregateFunction(groupBitmap, UInt32)) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(consumed)
-- the slices of an hour go at once when the hour is settled
PARTITION BY (grain = 'slice', if(grain = 'slice', toStartOfHour(bucket), toStartOfMonth(bucket)::DateTime('UTC')))
ORDER BY (kind, section, grain, bucket)
SETTINGS
    -- rows are wide and few: small granules make a window cheap to cut out, a cap in bytes keeps wide rows apart
    index_granularity = 16,
    index_granularity_bytes = 131072
