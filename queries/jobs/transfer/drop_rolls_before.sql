-- Figures as they were before the schema began anew, once what is kept of them is taken over.
-- Grain: none.
-- Reads: nothing
DROP TABLE {scratch:Identifier}.usage_rolls_before
