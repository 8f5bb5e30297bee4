-- What each table holds, in a word: it changes with every insert, mutation and part that goes away, and with nothing
-- else. Blocks are numbered as they come, and a merge keeps the number of its last. A table that holds nothing has no
-- row. Heartbeats come all the time and change no figure but the losses that they tell of: only those count of them.
-- Grain: one row per table that holds anything.
-- Reads: heartbeats
-- Read by: readers that keep answers
SELECT table, hex(sipHash128(groupArray((partition_id, block, mutation)))) AS state
FROM (
    SELECT table, partition_id, max(max_block_number) AS block, max(data_version) AS mutation
    FROM system.parts
    WHERE database = currentDatabase() AND active AND table IN {tables:Array(String)}
    GROUP BY table, partition_id
    ORDER BY table, partition_id
)
GROUP BY table
UNION ALL
SELECT 'heartbeats', hex(sipHash128(count(), max(received_at), sum(dropped)))
FROM heartbeats
WHERE dropped > 0
