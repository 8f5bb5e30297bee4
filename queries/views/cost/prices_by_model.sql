-- The prices that the team has set and that are valid on a day of the window, or on a part of one.
-- Grain: one row per model, unit and first day.
-- Reads: prices
-- Read by: stats prices, price
SELECT
    if(p.model = '', 'all', p.model) AS model,
    (p.model = '')::Bool AS is_of_every_model,
    p.unit::String AS unit,
    p.amount_millionths / 1e6 AS amount,
    p.currency::String AS currency,
    p.valid_from AS valid_from,
    nullIf(p.valid_until, toDate('2149-06-06')) AS valid_until,
    p.set_at AS set_at
FROM prices AS p FINAL
WHERE NOT p.is_removed
    AND p.valid_from < {until:DateTime64(6, 'UTC')}
    AND p.valid_until > {since:DateTime64(6, 'UTC')}
ORDER BY is_of_every_model, model, unit, valid_from
