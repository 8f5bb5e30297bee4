-- Parts that were replaced stay for as long as the engine likes.
-- Grain: none.
-- Reads: nothing
ALTER TABLE {table:Identifier} RESET SETTING old_parts_lifetime
