-- The cover of a window beside the window itself: what a reader asks for first, with what the view it reads gives its
-- figures put in.
-- Grain: one row.
-- Reads: usage_cover
-- Read by: readers, before they ask for figures
SELECT
    weeks,
    days,
    hours,
    raw,
    {since:DateTime64(6, 'UTC')} AS since,
    {until:DateTime64(6, 'UTC')} AS until
FROM usage_cover(
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    finest = {finest:String}
)
