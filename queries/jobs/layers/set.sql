-- Says which layer the name of an instrumentation stands for; an empty layer takes back what was said.
-- Grain: one row.
-- Reads: nothing
INSERT INTO layers
SELECT
    {scope:String} AS scope,
    {service:String} AS service,
    {layer:String} AS layer,
    {as_of:DateTime64(6, 'UTC')} AS edited_at
