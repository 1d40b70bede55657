ALTER TABLE ghostwatch.notification ADD COLUMN priority integer NOT NULL DEFAULT 1;

UPDATE ghostwatch.notification AS n
SET priority = ghostwatch._send_priority(n.reason, (SELECT a.severity FROM ghostwatch.alert AS a WHERE a.alert_id = n.alert_id))
WHERE n.state IN ('pending', 'claimed');

DROP INDEX ghostwatch.notification_waiting;
CREATE INDEX notification_waiting ON ghostwatch.notification (channel_id, priority, created_at, notification_id)
WHERE state IN ('pending', 'claimed');
CREATE INDEX notification_claimed ON ghostwatch.notification (channel_id)
WHERE state = 'claimed';

-- undo
DROP INDEX ghostwatch.notification_claimed;
DROP INDEX ghostwatch.notification_waiting;
ALTER TABLE ghostwatch.notification DROP COLUMN priority;
CREATE INDEX notification_waiting ON ghostwatch.notification (channel_id, next_attempt_at)
WHERE state IN ('pending', 'claimed');
