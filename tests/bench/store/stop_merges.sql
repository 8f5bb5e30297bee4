-- Keeps the engine from merging in the background until it is closed, which would be counted as work of ours.
SYSTEM STOP MERGES
