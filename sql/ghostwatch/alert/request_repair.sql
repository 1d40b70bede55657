CREATE FUNCTION ghostwatch._request_repair(
    alert_id bigint,
    by text
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_request_repair$
DECLARE
    is_first boolean;
BEGIN
    UPDATE ghostwatch.alert AS a
    SET
        repair_requested_at = ghostwatch._clock(),
        repair_requested_by = by
    WHERE a.alert_id = _request_repair.alert_id
        AND a.state = 'firing'
        AND a.repair_requested_at IS NULL;
    is_first := FOUND;

    -- The message in the chat loses the button, and shows who asked.
    IF is_first THEN
        PERFORM ghostwatch._enqueue(alert_id, 'updated', ghostwatch._clock());
    END IF;

    RETURN is_first;
END
$_request_repair$;

COMMENT ON FUNCTION ghostwatch._request_repair(bigint, text) IS
'Has the next check run repair the subjects of a firing alert. Returns false if that is asked for already.';
