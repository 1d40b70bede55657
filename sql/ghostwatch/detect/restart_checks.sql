CREATE FUNCTION ghostwatch._restart_checks(
    invariant_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_restart_checks$
-- Begins the checks of an invariant anew, watch_for back, so that declaring shows the present at once.
-- Waits for a check of it that is under way.
DECLARE
    clause ghostwatch._clause;
    start_at timestamptz;
BEGIN
    start_at := ghostwatch._forget_findings(invariant_id);
    SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id = _restart_checks.invariant_id;

    IF clause.capture THEN
        PERFORM ghostwatch._seed_arrivals(clause, start_at);
    END IF;
END
$_restart_checks$;

COMMENT ON FUNCTION ghostwatch._restart_checks(integer) IS
'Begins the checks of an invariant anew, watch_for before now, and forgets what was found of that time.';
