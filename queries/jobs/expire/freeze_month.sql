-- Marks a month: from here on its rows go to usage_late.
-- Grain: one row.
-- Reads: nothing
INSERT INTO frozen_months
SELECT {month:Date} AS month, {as_of:DateTime64(6, 'UTC')} AS frozen_at
