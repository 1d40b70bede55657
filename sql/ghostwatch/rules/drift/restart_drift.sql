CREATE FUNCTION ghostwatch._restart_drift(
    invariant_id integer,
    history_from timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_restart_drift$
-- Begins the rule drift of an invariant anew.
-- Takes the invariant, and from when on its counts say what is usual; NULL leaves that as it was.
-- Waits for a check of it that is under way.
BEGIN
    UPDATE ghostwatch.check_progress AS p
    SET history_from = coalesce(_restart_drift.history_from, p.history_from)
    WHERE p.invariant_id = _restart_drift.invariant_id;

    DELETE FROM ghostwatch.drift_detector AS a WHERE a.invariant_id = _restart_drift.invariant_id;
    DELETE FROM ghostwatch.drift_baseline AS b WHERE b.invariant_id = _restart_drift.invariant_id;
END
$_restart_drift$;

COMMENT ON FUNCTION ghostwatch._restart_drift(integer, timestamptz) IS
'Begins the rule drift of an invariant anew, its history from a moment on (NULL: as before).';
