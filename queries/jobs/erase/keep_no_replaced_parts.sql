-- Parts that were replaced are deleted at once.
-- Grain: none.
-- Reads: nothing
ALTER TABLE {table:Identifier} MODIFY SETTING old_parts_lifetime = 0
