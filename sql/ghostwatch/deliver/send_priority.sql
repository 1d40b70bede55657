CREATE FUNCTION ghostwatch._send_priority(
    reason text,
    severity text
)
RETURNS integer
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- A chat may get so few messages that those which wait are sent by urgency, not by age.
    SELECT
        CASE
            WHEN _send_priority.reason IN ('opened', 'escalated', 'reopened', 'silence_ended', 'unacknowledged') AND _send_priority.severity = 'error' THEN 0
            WHEN _send_priority.reason IN ('resolved', 'repaired') THEN 2
            WHEN _send_priority.reason = 'updated' THEN 3
            WHEN _send_priority.reason = 'events' THEN 4
            ELSE 1
        END;
END;

COMMENT ON FUNCTION ghostwatch._send_priority(text, text) IS
'How urgent a notification is: 0 for a new error, 1 for any other new message, 2 for a resolution or a repair, 3 for an edit, 4 for events.
reason: as in ghostwatch.notification. severity: of its alert, NULL without one.';
