-- What is or was the matter in a window: each alert as the last look left it, those that fire first. Pending ones have
-- not been seen for long enough yet.
-- Grain: one row per rule, kind of subject and subject.
-- Reads: alerts
-- Read by: the alerts job, the interface for programs
SELECT
    rule,
    kind,
    subject,
    status,
    since_at,
    resolved_at,
    looks,
    value,
    threshold,
    operations,
    window_since,
    window_until,
    evidence,
    told,
    told_at,
    failures,
    revision
FROM alerts FINAL
WHERE since_at < {until:DateTime64(6, 'UTC')}
    AND (status != 'resolved' OR resolved_at >= {since:DateTime64(6, 'UTC')})
ORDER BY indexOf(['firing', 'pending', 'resolved'], status), since_at DESC, rule, kind, subject
