CREATE FUNCTION ghostwatch.sidecar_stopped(
    worker text
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that the sidecar's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $sidecar_stopped$
    UPDATE ghostwatch.dispatch
    SET buttons_reader_until = NULL
    WHERE dispatch.buttons_reader = sidecar_stopped.worker;

    DELETE FROM ghostwatch.sidecar
    WHERE sidecar.worker = sidecar_stopped.worker
$sidecar_stopped$;

COMMENT ON FUNCTION ghostwatch.sidecar_stopped(text) IS
'A sidecar that is stopped on purpose removes its row, so that the doctor does not report it as missing.';
