ALTER TABLE ghostwatch.notification ADD COLUMN shown_at timestamptz;

-- undo
ALTER TABLE ghostwatch.notification DROP COLUMN shown_at;
