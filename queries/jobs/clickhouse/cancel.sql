-- Ends a query whose client has gone, found by the comment it was begun with.
-- Grain: one row per statement that is ended.
-- Reads: nothing
KILL QUERY
WHERE Settings['log_comment'] = {comment:String}
ASYNC
