-- Which patterns are used together: in one context, or in one session or correlation where no context is said. lift
-- says how much likelier they meet than if each were used by itself: their share of the contexts over the product of
-- each one's share. Read from the events, which are kept for 90 days as a rule.
-- Grain: one row per pair of patterns that met in at least two contexts, the first by name first.
-- Reads: usage_operations
-- Read by: stats together
WITH
    met AS (
        SELECT
            if(context_id != '', concat('context ', context_id),
                if(session != '', concat('session ', session), concat('correlation ', correlation_id))) AS place,
            arraySort(groupUniqArray(pattern)) AS patterns
        FROM usage_operations(
            kind = '',
            subject = '',
            operation = 'pattern.run',
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
        WHERE pattern != '' AND (context_id != '' OR session != '' OR correlation_id != '')
        GROUP BY place
    ),

    alone AS (
        SELECT m.pattern AS pattern, count() AS contexts, assumeNotNull((SELECT count() FROM met)) AS of_all
        FROM (SELECT arrayJoin(patterns) AS pattern FROM met) AS m
        GROUP BY pattern
    ),

    pairs AS (
        SELECT pair.1 AS first, pair.2 AS second, count() AS contexts
        FROM met
        ARRAY JOIN arrayFlatten(arrayMap(
            (one, at) -> arrayMap(other -> (one, other), arraySlice(patterns, at + 1)),
            patterns,
            arrayEnumerate(patterns)
        )) AS pair
        GROUP BY first, second
        HAVING contexts >= 2
    )

SELECT
    p.first AS pattern,
    p.second AS other_pattern,
    p.contexts AS contexts,
    p.contexts / a.contexts AS share_of_pattern,
    p.contexts / b.contexts AS share_of_other,
    p.contexts * a.of_all / (a.contexts * b.contexts) AS lift
FROM pairs AS p
INNER JOIN alone AS a ON a.pattern = p.first
INNER JOIN alone AS b ON b.pattern = p.second
ORDER BY contexts DESC, lift DESC, pattern, other_pattern
