CREATE FUNCTION ghostwatch._keep_priority()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_keep_priority$
-- The outbox is read in the order of sending, so each notification carries how urgent it is.
BEGIN
    NEW.priority := ghostwatch._send_priority(
        NEW.reason, (SELECT a.severity FROM ghostwatch.alert AS a WHERE a.alert_id = NEW.alert_id)
    );
    RETURN NEW;
END
$_keep_priority$;

COMMENT ON FUNCTION ghostwatch._keep_priority() IS
'Notes how urgent a notification is.';

CREATE TRIGGER keep_priority
BEFORE INSERT OR UPDATE OF reason, alert_id ON ghostwatch.notification
FOR EACH ROW EXECUTE FUNCTION ghostwatch._keep_priority();
