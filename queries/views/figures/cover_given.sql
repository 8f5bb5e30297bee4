-- The cover of a window as a reader was given it.
-- Grain: one row.
-- Reads: nothing
-- Read by: readers that asked for the cover first, in the place of usage_cover
SELECT
    {weeks:Array(DateTime('UTC'))} AS weeks,
    {days:Array(DateTime('UTC'))} AS days,
    {hours:Array(DateTime('UTC'))} AS hours,
    {raw:Array(DateTime('UTC'))} AS raw
