-- Gives a subject's alias its name; an empty name takes the alias away.
-- Grain: one row.
-- Reads: nothing
INSERT INTO aliases
SELECT
    {kind:String} AS kind,
    {alias:String} AS alias,
    {name:String} AS name,
    {as_of:DateTime64(6, 'UTC')} AS edited_at
