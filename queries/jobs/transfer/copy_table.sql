-- A table as it is now, made of links to the same files: it costs neither time nor room, and later rows do not show.
-- Grain: that of the table.
-- Reads: nothing
CREATE TABLE {scratch:Identifier}.{table:Identifier} CLONE AS {table:Identifier}
