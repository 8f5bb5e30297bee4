-- Services to choose from: those with an operation in the window. A value goes between quotes, so backslashes are
-- doubled in it.
-- Grain: one row per service.
-- Reads: usage_frequency
SELECT replaceAll(subject, '\\', '\\\\') AS value, subject AS text
FROM usage_frequency(
    kind = 'service',
    operation = '',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC')
)
WHERE subject != ''
ORDER BY text
