-- A user has one number, and a number one user; bitmaps of numbers count wrongly otherwise.
-- Grain: one row per hash or number that occurs more than once.
-- Reads: users
SELECT
    entry.1 AS what,
    entry.2 AS value,
    count() AS occurrences
FROM users
ARRAY JOIN [('user_hash', user_hash), ('number', toUInt64(number))] AS entry
GROUP BY what, value
HAVING occurrences > 1
ORDER BY what, value
