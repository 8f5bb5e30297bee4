-- How well each subject of a kind does: every outcome, what went wrong in the ways that have their own count, the
-- rates, and how good the results were. Outcomes are disjoint; timeouts and failed quality gates are among failures
-- and errors.
-- Grain: one row per subject with use in the window.
-- Reads: usage_summary
-- Read by: stats success
SELECT
    key AS subject,
    operations,
    successes,
    partial_successes,
    failed AS unacceptable_results,
    errors,
    failures,
    cancelled,
    abandoned,
    in_flight,
    timeouts,
    quality_gate_failures,
    success_rate,
    error_rate,
    judged,
    mean_quality
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
ORDER BY operations DESC, subject
