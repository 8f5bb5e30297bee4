-- Who is being erased.
-- Grain: one row per hash.
-- Reads: erasing
-- Read by: the jobs erase_user, expire and roll
SELECT DISTINCT user_hash
FROM erasing
ORDER BY user_hash
