-- Rewrites the dirty hours or days of a window, one kind of subject. Safe to repeat, to kill, and to run beside
-- itself: the count of rows and the rows come from one snapshot, and the count is the version.
-- A bucket with a user that has no number yet is left dirty.
-- Grain: one row per bucket.
-- Reads: usage_cover, usage_figures
INSERT INTO usage_rolls
WITH
    dirty AS (
        SELECT
            if({grain:String} = 'day', toStartOfDay(bucket), bucket) AS bucket,
            sum(stored_rows) AS consumed
        FROM usage_cover(
            kind = {kind:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = {grain:String}
        )
        WHERE source != {grain:String}
        GROUP BY bucket
        HAVING consumed > 0
    ),

    figures AS (
        SELECT
            if({grain:String} = 'day', toStartOfDay(p.bucket), p.bucket) AS bucket,
            p.operation AS operation,
            p.subject AS subject,
            sum(p.operations) AS operations,
            sum(p.successes) AS successes,
            sum(p.partial_successes) AS partial_successes,
            sum(p.failures) AS failures,
            sum(p.errors) AS errors,
            sum(p.cancellations) AS cancellations,
            arraySort(groupArrayArray(p.unfinished_starts)) AS unfinished_starts,
            sum(p.cold_starts) AS cold_starts,
            sum(p.durations) AS durations,
            sum(p.duration_sum_us) AS duration_sum_us,
            sum(p.duration_squares_us2) AS duration_squares_us2,
            minIf(p.duration_min_us, p.durations > 0) AS duration_min_us,
            max(p.duration_max_us) AS duration_max_us,
            sumMap(p.duration_histogram) AS duration_histogram,
            sum(p.input_tokens) AS input_tokens,
            sum(p.output_tokens) AS output_tokens,
            sum(p.moved_bytes) AS moved_bytes,
            max(p.size_bytes) AS size_bytes,
            sum(p.qualities) AS qualities,
            sum(p.quality_sum_ppm) AS quality_sum_ppm,
            min(p.first_at) AS first_at,
            max(p.last_at) AS last_at,
            groupBitmapMergeState(p.users) AS users,
            sum(length(p.unnumbered_users)) AS unnumbered
        FROM usage_figures(
            kind = {kind:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            finest = 'hour'
        ) AS p
        GROUP BY bucket, operation, subject
    )

SELECT
    {kind:String} AS kind,
    {grain:String} AS grain,
    d.bucket AS bucket,
    any(d.consumed) AS consumed,
    groupArrayIf(f.operation, f.operations > 0) AS operation,
    groupArrayIf(f.subject, f.operations > 0) AS subject,
    groupArrayIf(f.operations, f.operations > 0) AS operations,
    groupArrayIf(f.successes, f.operations > 0) AS successes,
    groupArrayIf(f.partial_successes, f.operations > 0) AS partial_successes,
    groupArrayIf(f.failures, f.operations > 0) AS failures,
    groupArrayIf(f.errors, f.operations > 0) AS errors,
    groupArrayIf(f.cancellations, f.operations > 0) AS cancellations,
    groupArrayIf(f.unfinished_starts, f.operations > 0) AS unfinished_starts,
    groupArrayIf(f.cold_starts, f.operations > 0) AS cold_starts,
    groupArrayIf(f.durations, f.operations > 0) AS durations,
    groupArrayIf(f.duration_sum_us, f.operations > 0) AS duration_sum_us,
    groupArrayIf(f.duration_squares_us2, f.operations > 0) AS duration_squares_us2,
    groupArrayIf(f.duration_min_us, f.operations > 0) AS duration_min_us,
    groupArrayIf(f.duration_max_us, f.operations > 0) AS duration_max_us,
    groupArrayIf(f.duration_histogram, f.operations > 0) AS duration_histogram,
    groupArrayIf(f.input_tokens, f.operations > 0) AS input_tokens,
    groupArrayIf(f.output_tokens, f.operations > 0) AS output_tokens,
    groupArrayIf(f.moved_bytes, f.operations > 0) AS moved_bytes,
    groupArrayIf(f.size_bytes, f.operations > 0) AS size_bytes,
    groupArrayIf(f.qualities, f.operations > 0) AS qualities,
    groupArrayIf(f.quality_sum_ppm, f.operations > 0) AS quality_sum_ppm,
    groupArrayIf(f.first_at, f.operations > 0) AS first_at,
    groupArrayIf(f.last_at, f.operations > 0) AS last_at,
    groupArrayIf(f.users, f.operations > 0) AS users
FROM dirty AS d
LEFT JOIN figures AS f ON f.bucket = d.bucket
GROUP BY bucket
HAVING sum(f.unnumbered) = 0
