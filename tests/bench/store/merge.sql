-- Merges the parts of a table into one a month.
OPTIMIZE TABLE {table:Identifier} FINAL
