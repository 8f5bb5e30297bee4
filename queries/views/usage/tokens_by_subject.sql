-- What each subject of a kind took in and gave out in tokens, and what that cost, as services said it.
-- Grain: one row per subject with use in the window.
-- Reads: usage_summary
-- Read by: stats tokens
SELECT
    key AS subject,
    operations,
    input_tokens,
    output_tokens,
    input_tokens + output_tokens AS tokens,
    if(operations = 0, NULL, tokens / operations) AS tokens_per_operation,
    if(total_ms = 0, NULL, output_tokens / total_ms * 1000) AS output_tokens_per_second,
    cost,
    if(operations = 0, NULL, cost / operations) AS cost_per_operation
FROM usage_summary(
    kind = {kind:String},
    operation = {operation:String},
    by = 'subject',
    per = '',
    zone = 'UTC',
    finest = 'week',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
)
ORDER BY tokens DESC, subject
