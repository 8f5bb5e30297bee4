-- Puts a random substitute in place of the hash: distinct counts keep their value, nothing leads back.
-- Reads: usage_late
ALTER TABLE usage_late UPDATE user_hash = {substitute:UInt64} WHERE user_hash = {user_hash:UInt64}
