-- Notifications are pruned, so the table that is scanned is small.
-- squawk-ignore ban-drop-constraint
ALTER TABLE ghostwatch.notification DROP CONSTRAINT notification_reason_check;
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE ghostwatch.notification ADD CONSTRAINT notification_reason_check CHECK (reason IN (
    'opened', 'escalated', 'reopened', 'repeated', 'resolved', 'updated',
    'events', 'digest', 'outage_summary', 'maintenance', 'silence_ended', 'details', 'channel_closed', 'usual_rate', 'test', 'repaired',
    'unacknowledged', 'passed_on'
));

-- undo
DELETE FROM ghostwatch.notification WHERE reason IN ('repaired', 'unacknowledged', 'passed_on');
-- squawk-ignore ban-drop-constraint
ALTER TABLE ghostwatch.notification DROP CONSTRAINT notification_reason_check;
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE ghostwatch.notification ADD CONSTRAINT notification_reason_check CHECK (reason IN (
    'opened', 'escalated', 'reopened', 'repeated', 'resolved', 'updated',
    'events', 'digest', 'outage_summary', 'maintenance', 'silence_ended', 'details', 'channel_closed', 'usual_rate', 'test'
));
