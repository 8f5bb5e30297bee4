-- Notes how far an import has come.
-- Grain: one row.
-- Reads: nothing
INSERT INTO imports
SELECT {export_id:String} AS export_id, {state:String} AS state, {as_of:DateTime64(6, 'UTC')} AS noted_at
