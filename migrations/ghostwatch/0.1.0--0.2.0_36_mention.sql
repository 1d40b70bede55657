ALTER TABLE ghostwatch.channel ADD COLUMN mention text;

-- undo
-- loses: SELECT format('whom messages to channel %s mention', name) FROM ghostwatch.channel WHERE mention IS NOT NULL
ALTER TABLE ghostwatch.channel DROP COLUMN mention;
