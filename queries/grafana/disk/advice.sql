-- The newest advice of each kind before the end of the window, what a guard stopped included: it is as old as told_at
-- says.
-- Grain: one row per kind and model.
-- Reads: recommendations
SELECT
    kind,
    verdict,
    subject AS model,
    priority,
    confidence,
    reason,
    as_of AS told_at,
    expires_at
FROM recommendations FINAL
WHERE policy = 'guarded'
    AND subject != '*'
    AND (kind, as_of) IN (
        SELECT r.kind, max(r.as_of)
        FROM recommendations AS r
        WHERE r.policy = 'guarded' AND r.as_of < toDateTime64($__toTime_ms, 6, 'UTC')
        GROUP BY r.kind
    )
    AND $__conditionalAll(subject IN (${model:singlequote}), $model)
ORDER BY verdict = 'refused', kind, confidence DESC, model
