ALTER TABLE ghostwatch.notification DROP CONSTRAINT notification_reason_check;
ALTER TABLE ghostwatch.notification ADD CONSTRAINT notification_reason_check CHECK (reason IN (
    'opened', 'escalated', 'reopened', 'repeated', 'resolved', 'updated',
    'events', 'digest', 'outage_summary', 'maintenance', 'silence_ended', 'details', 'channel_closed', 'usual_rate', 'test', 'repaired'
));

-- undo
DELETE FROM ghostwatch.notification WHERE reason = 'repaired';
ALTER TABLE ghostwatch.notification DROP CONSTRAINT notification_reason_check;
ALTER TABLE ghostwatch.notification ADD CONSTRAINT notification_reason_check CHECK (reason IN (
    'opened', 'escalated', 'reopened', 'repeated', 'resolved', 'updated',
    'events', 'digest', 'outage_summary', 'maintenance', 'silence_ended', 'details', 'channel_closed', 'usual_rate', 'test'
));
