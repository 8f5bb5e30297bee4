-- Takes out of a copy the rows that later ones stand for: the engine does so whenever it likes, and an export counts
-- its rows before it writes them, as an import does when it has read them.
-- Grain: that of the table.
-- Reads: nothing
OPTIMIZE TABLE {scratch:Identifier}.{table:Identifier} FINAL
