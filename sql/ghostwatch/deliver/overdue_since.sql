CREATE FUNCTION ghostwatch._overdue_since(
    as_of timestamptz
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_overdue_since$
    -- Since when the oldest notification waits that should be in its chat by now: also one that waits for its next
    -- attempt, for a chat that is held, or for a channel that is closed. What has its own time (a digest, an outage summary, an
    -- edit) is not late before it.
    SELECT min(greatest(n.created_at, CASE WHEN n.attempts = 0 AND n.waits_for IS NULL THEN n.next_attempt_at END))
    FROM ghostwatch.notification AS n
    WHERE n.state IN ('pending', 'claimed')
        AND isfinite(n.next_attempt_at)
        AND (n.next_attempt_at <= _overdue_since.as_of OR n.attempts > 0 OR n.waits_for IS NOT NULL)
$_overdue_since$;

COMMENT ON FUNCTION ghostwatch._overdue_since(timestamptz) IS
'Since when the oldest notification waits that should have been sent by now; NULL if none does.';
