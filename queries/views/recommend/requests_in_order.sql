-- Every request of a window with its model and who asked, in the order of time, those of one moment
-- in the order of their models: what a backtest replays. It is read from events, so it holds what is
-- still there of them.
-- Requests without a model have nothing to be kept loaded.
-- Grain: one row per request.
-- Reads: usage_operations
-- Read by: the backtest
SELECT
    start,
    model,
    if(user_hash = 0, '', leftPad(lower(hex(user_hash)), 16, '0')) AS user,
    is_unfinished
FROM usage_operations(
    kind = '',
    subject = '',
    operation = 'model.request',
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = {abandoned_after_seconds:Float64}
)
WHERE model != ''
ORDER BY start, model, user
