-- A price has a unit that is known, a currency, and at least one day on which it is valid.
-- Grain: one row per price that has not.
-- Reads: prices
SELECT model, unit, valid_from, valid_until, currency
FROM prices FINAL
WHERE NOT is_removed
    AND (
        unit NOT IN ('input_tokens', 'cached_tokens', 'output_tokens', 'request', 'gpu_hour')
        OR valid_until <= valid_from
        OR NOT match(currency, '^[A-Z]{3}$')
    )
ORDER BY model, unit, valid_from
