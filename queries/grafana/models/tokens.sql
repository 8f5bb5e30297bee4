-- Tokens of each chosen model, and what services say that requests cost.
-- Grain: one row per model.
-- Reads: tokens_by_subject
SELECT subject AS model, input_tokens, output_tokens, tokens_per_operation, output_tokens_per_second, cost
FROM tokens_by_subject(
    kind = 'model',
    operation = 'model.request',
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC'),
    as_of = toDateTime64($__toTime_ms, 6, 'UTC'),
    abandoned_after_seconds = 21600
)
WHERE $__conditionalAll(subject IN (${model:singlequote}), $model)
ORDER BY tokens DESC, model
