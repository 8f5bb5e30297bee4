-- Every number in a roll's bitmaps belongs to a user.
-- Grain: one row per kind and number that belongs to nobody.
-- Reads: usage_rolls, users
SELECT
    kind,
    arrayJoin(bitmapToArray(groupBitmapMergeState(bitmap))) AS number
FROM usage_rolls FINAL
ARRAY JOIN users AS bitmap
GROUP BY kind
HAVING number NOT IN (SELECT number FROM users)
ORDER BY kind, number
