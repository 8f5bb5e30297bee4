-- The arrays of a roll lie side by side: all have as many elements as there are subjects.
-- Grain: one row per kind, grain and bucket.
-- Reads: usage_rolls
SELECT
    kind,
    grain,
    bucket,
    [
        length(operation), length(subject), length(operations), length(successes), length(partial_successes),
        length(failures), length(errors), length(cancellations), length(unfinished_starts), length(cold_starts),
        length(durations), length(duration_sum_us), length(duration_squares_us2), length(duration_min_us),
        length(duration_max_us), length(duration_histogram), length(input_tokens), length(output_tokens),
        length(moved_bytes), length(size_bytes), length(qualities), length(quality_sum_ppm), length(first_at),
        length(last_at), length(users)
    ] AS lengths
FROM usage_rolls FINAL
WHERE length(arrayDistinct(lengths)) > 1
ORDER BY kind, grain, bucket
