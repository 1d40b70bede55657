CREATE FUNCTION ghostwatch.detect_stopped_checks()
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $detect_stopped_checks$
BEGIN
    PERFORM ghostwatch._decide_checks_stopped(ghostwatch._clock());
END
$detect_stopped_checks$;

COMMENT ON FUNCTION ghostwatch.detect_stopped_checks() IS
'Raises an alert when check runs have stopped succeeding; called by the sidecar every few seconds.';
