ALTER TABLE ghostwatch.channel ADD COLUMN quiet_windows text[];

-- undo
-- loses: SELECT format('the quiet windows of channel %s', name) FROM ghostwatch.channel WHERE quiet_windows IS NOT NULL
ALTER TABLE ghostwatch.channel DROP COLUMN quiet_windows;
