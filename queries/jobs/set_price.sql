-- Sets a price, or takes the one of that model, unit and first day away.
-- Grain: one row.
-- Reads: nothing
INSERT INTO prices
SELECT
    {model:String} AS model,
    {unit:String} AS unit,
    {valid_from:Date} AS valid_from,
    {valid_until:Date} AS valid_until,
    {amount_millionths:UInt64} AS amount_millionths,
    {currency:String} AS currency,
    {is_removed:UInt8} AS is_removed,
    {as_of:DateTime64(6, 'UTC')} AS set_at
