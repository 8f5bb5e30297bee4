-- The number goes over to the substitute.
-- Reads: users
ALTER TABLE users UPDATE user_hash = {substitute:UInt64} WHERE user_hash = {user_hash:UInt64}
