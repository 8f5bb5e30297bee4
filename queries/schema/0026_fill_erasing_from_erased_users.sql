-- Who was erased before is erased once more: what an earlier version left of them, in statements that the engine noted
-- and in files that it had replaced, goes too.
-- Grain: one row per erased hash.
-- Reads: erased_users, erasing
INSERT INTO erasing
SELECT
    user_hash,
    bitOr(rand64(), 1) AS substitute
FROM (SELECT DISTINCT user_hash FROM erased_users)
WHERE user_hash NOT IN (SELECT user_hash FROM erasing)
