CREATE FUNCTION ghostwatch._lock_progress(
    invariant_id integer,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS ghostwatch.check_progress
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators lock no row themselves.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_lock_progress$
-- The lock keeps overlapping runs apart; whoever finds the row locked has nothing to do.
DECLARE
    taken ghostwatch.check_progress;
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    SELECT p.* INTO taken FROM ghostwatch.check_progress AS p
    WHERE p.invariant_id = _lock_progress.invariant_id
    FOR UPDATE SKIP LOCKED;

    RETURN taken;
END
$_lock_progress$;

COMMENT ON FUNCTION ghostwatch._lock_progress(integer, uuid) IS
'Takes the check of an invariant for this transaction; NULL if somebody else is at it. Raises GW008 (belongs to another role).';
