CREATE FUNCTION ghostwatch._relax_commit()
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_relax_commit$
-- A crash may cost the results of a check, which the next run finds again, but not a message that was announced.
BEGIN
    IF current_setting('ghostwatch.has_notified', true) IS DISTINCT FROM 'on' THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
END
$_relax_commit$;

COMMENT ON FUNCTION ghostwatch._relax_commit() IS
'Lets this transaction commit without waiting for the disk, unless it wakes the sidecars.';
