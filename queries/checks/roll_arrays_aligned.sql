-- The arrays of a roll lie side by side: all have as many elements as there are subjects.
-- Grain: one row per kind, section, grain and bucket.
-- Reads: usage_rolls
SELECT
    kind,
    section,
    grain,
    bucket,
    [
        length(operation), length(subject), length(sums), length(lows), length(highs), length(unfinished_starts),
        length(duration_histogram), length(users)
    ] AS lengths
FROM usage_rolls FINAL
WHERE length(arrayDistinct(lengths)) > 1
ORDER BY kind, section, grain, bucket
