-- Which patterns are used together: in one context, or in one session or correlation where no context is said. lift
-- says how much likelier they meet than if each were used by itself: their share of the contexts over the product of
-- each one's share. Read from the events, which are kept for 90 days as a rule.
-- Grain: one row per pair of patterns that met in at least two contexts, the first by name first.
-- Reads: usage_operations
-- Read by: stats together
WITH
    met AS (
        SELECT arraySort(groupUniqArray(pattern)) AS patterns
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
        GROUP BY
            context_id,
            if(context_id = '', session, ''),
            if(context_id = '' AND session = '', correlation_id, '')
    ),

    -- each pattern with itself tells in how many contexts it is used; nothing with nothing, how many there are
    pairs AS (
        SELECT pair.1 AS first, pair.2 AS second, count() AS contexts
        FROM met
        ARRAY JOIN arrayPushFront(
            arrayFlatten(arrayMap(
                (one, at) -> arrayMap(other -> (one, other), arraySlice(patterns, at)),
                patterns,
                arrayEnumerate(patterns)
            )),
            ('', '')
        ) AS pair
        GROUP BY first, second
    )

SELECT
    first AS pattern,
    second AS other_pattern,
    contexts,
    contexts / with_pattern AS share_of_pattern,
    contexts / with_other AS share_of_other,
    contexts * of_all / (with_pattern * with_other) AS lift
FROM (
    SELECT
        first,
        second,
        contexts,
        sumIf(contexts, first = second) OVER (PARTITION BY first) AS with_pattern,
        sumIf(contexts, first = second) OVER (PARTITION BY second) AS with_other,
        sumIf(contexts, first = '') OVER () AS of_all
    FROM pairs
)
WHERE first != second AND contexts >= 2
ORDER BY contexts DESC, lift DESC, pattern, other_pattern
