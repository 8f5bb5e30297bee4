-- What tables hold, in a word: it changes with every insert, mutation and part that goes away, and with nothing else.
-- Blocks are numbered as they come, and a merge keeps the number of its last. Of heartbeats only the losses count that
-- they tell of. Empty where not one of the tables can be seen.
-- Grain: one row.
-- Reads: heartbeats
-- Read by: readers that keep answers
SELECT
    if(
        (
            SELECT count()
            FROM system.tables
            WHERE database = currentDatabase() AND name IN {tables:Array(String)}
        ) = 0,
        '',
        hex(sipHash128((
            (
                SELECT groupArray((table, partition_id, block, mutation))
                FROM (
                    SELECT table, partition_id, max(max_block_number) AS block, max(data_version) AS mutation
                    FROM system.parts
                    WHERE database = currentDatabase() AND active AND table IN {tables:Array(String)}
                    GROUP BY table, partition_id
                    ORDER BY table, partition_id
                )
            ),
            (SELECT (count(), max(received_at), sum(dropped)) FROM heartbeats WHERE dropped > 0)
        )))
    ) AS state
