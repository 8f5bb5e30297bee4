-- Puts the random number in place of the hash: distinct counts keep their value, nothing leads back. In the table of
-- numbers the number goes over to it. Where nobody is being erased it changes nothing, also when the engine takes up a
-- change that was stopped.
-- Grain: none.
-- Reads: erasing
ALTER TABLE {table:Identifier}
UPDATE user_hash = coalesce(
    (
        SELECT CAST((groupArray(user_hash), groupArray(substitute)), 'Map(UInt64, Nullable(UInt64))')
        FROM (SELECT user_hash, min(substitute) AS substitute FROM erasing GROUP BY user_hash)
    )[user_hash],
    user_hash
)
WHERE user_hash IN (SELECT user_hash FROM erasing)
