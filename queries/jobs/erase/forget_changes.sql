-- Deletes the engine's notes of changes that are done: those of an earlier version held the hash.
-- Grain: none.
-- Reads: nothing
KILL MUTATION WHERE database = currentDatabase() AND table IN {tables:Array(String)} AND is_done SYNC
