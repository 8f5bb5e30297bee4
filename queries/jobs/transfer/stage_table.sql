-- An empty table like the one it stands in for.
-- Grain: that of the table.
-- Reads: nothing
CREATE TABLE {scratch:Identifier}.{table:Identifier} AS {table:Identifier}
