-- While files that were replaced are deleted at once, none is replaced by one that may not be on the disk yet.
-- Grain: none.
-- Reads: nothing
SYSTEM STOP MERGES {table:Identifier}
