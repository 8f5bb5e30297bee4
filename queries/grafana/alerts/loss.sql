-- Operations that processes say they lost in the window.
-- Grain: one row, none where no process said anything.
-- Reads: losses_of_window
SELECT dropped AS lost
FROM losses_of_window(
    since = toDateTime64($__fromTime_ms, 6, 'UTC'),
    until = toDateTime64($__toTime_ms, 6, 'UTC')
)
WHERE isNotNull(dropped)
