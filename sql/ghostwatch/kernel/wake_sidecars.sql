CREATE FUNCTION ghostwatch._wake_sidecars()
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_wake_sidecars$
-- Called where a row enters the outbox, so that no caller has to report that it did. Never called in the transaction of a signup:
-- commits that notify wait for each other. PostgreSQL removes duplicates within a transaction.
BEGIN
    PERFORM pg_notify('ghostwatch', '');

    -- Read by ghostwatch._relax_commit(). Rolled back with the row, if a savepoint is.
    PERFORM set_config('ghostwatch.has_notified', 'on', true);
END
$_wake_sidecars$;

COMMENT ON FUNCTION ghostwatch._wake_sidecars() IS
'Wakes the sidecars when this transaction commits.';
