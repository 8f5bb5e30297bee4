-- A roll names each operation of each subject once.
-- Grain: one row per kind, section, grain, bucket and key that is named more than once.
-- Reads: usage_rolls
SELECT
    kind,
    section,
    grain,
    bucket,
    key_operation,
    key_subject,
    count() AS occurrences
FROM usage_rolls FINAL
ARRAY JOIN
    operation AS key_operation,
    subject AS key_subject
GROUP BY kind, section, grain, bucket, key_operation, key_subject
HAVING occurrences > 1
ORDER BY kind, section, grain, bucket, key_operation, key_subject
