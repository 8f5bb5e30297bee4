-- Nobody is being erased any more; what was noted of it is gone from the disk.
-- Reads: erasing
ALTER TABLE erasing DROP PARTITION ID 'all'
