CREATE FUNCTION ghostwatch._priority_follows_alert()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_priority_follows_alert$
-- What waits is as urgent as its alert is now: the first message about a warning that has become an error goes first.
BEGIN
    UPDATE ghostwatch.notification
    SET priority = ghostwatch._send_priority(notification.reason, NEW.severity)
    WHERE notification.alert_id = NEW.alert_id
        AND notification.state IN ('pending', 'claimed');
    RETURN NULL;
END
$_priority_follows_alert$;

COMMENT ON FUNCTION ghostwatch._priority_follows_alert() IS
'Makes what waits as urgent as its alert has become.';

CREATE TRIGGER priority_follows
AFTER UPDATE OF severity ON ghostwatch.alert
FOR EACH ROW
WHEN (old.severity IS DISTINCT FROM new.severity)
EXECUTE FUNCTION ghostwatch._priority_follows_alert();
