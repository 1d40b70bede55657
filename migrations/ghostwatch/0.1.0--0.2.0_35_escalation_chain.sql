ALTER TABLE ghostwatch.channel ADD COLUMN escalate_after interval;
ALTER TABLE ghostwatch.channel ADD COLUMN escalate_to text;

-- undo
-- loses: SELECT format('to which channel alerts of channel %s escalate', name) FROM ghostwatch.channel WHERE escalate_to IS NOT NULL
ALTER TABLE ghostwatch.channel DROP COLUMN escalate_after;
ALTER TABLE ghostwatch.channel DROP COLUMN escalate_to;
