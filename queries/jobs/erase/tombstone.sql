-- From here on rows with this hash are stored without a user.
-- Grain: one row.
-- Reads: nothing
INSERT INTO erased_users
SELECT {user_hash:UInt64} AS user_hash, {as_of:DateTime64(6, 'UTC')} AS erased_at
