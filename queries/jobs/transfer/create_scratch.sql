-- Room for copies of tables while they are written to files, or for what files hold until it is published.
-- Grain: a database.
-- Reads: nothing
CREATE DATABASE IF NOT EXISTS {scratch:Identifier}
