-- How much each chosen service asks models, and how well that goes.
-- Grain: one row per service.
-- Reads: success_by_subject
SELECT subject AS service, operations AS requests, success_rate, error_rate, failures, timeouts, abandoned
FROM success_by_subject(
    kind = 'service',
    operation = 'model.request',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE $__conditionalAll(subject IN (${service:singlequote}), $service)
ORDER BY requests DESC, service
