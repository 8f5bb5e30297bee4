-- Puts a random substitute in place of the hash: distinct counts keep their value, nothing leads back.
-- Reads: usage_events
ALTER TABLE usage_events UPDATE user_hash = {substitute:UInt64} WHERE user_hash = {user_hash:UInt64}
