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
    SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id = _restart_checks.invariant_id;
    start_at := ghostwatch._clock() - clause.watch_for;

    INSERT INTO ghostwatch.check_progress AS p (invariant_id, watermark, checked_up_to)
    VALUES (_restart_checks.invariant_id, start_at, start_at)
    ON CONFLICT ON CONSTRAINT check_progress_pkey DO UPDATE
    SET watermark = excluded.watermark,
        checked_up_to = excluded.checked_up_to,
        catching_up_since = NULL,
        skew = NULL,
        skew_seen_at = NULL;

    -- What was found under the old definition says nothing about the new one.
    DELETE FROM ghostwatch.checked_ahead AS j WHERE j.invariant_id = _restart_checks.invariant_id;
    DELETE FROM ghostwatch.violation AS v
    WHERE v.invariant_id = _restart_checks.invariant_id
      AND (v.closed_at IS NULL OR v.born_at >= start_at);
    DELETE FROM ghostwatch.branch_minute AS b
    WHERE b.invariant_id = _restart_checks.invariant_id
      AND b.minute >= date_trunc('minute', start_at);
    PERFORM ghostwatch._restart_drift(invariant_id, start_at);

    IF clause.capture THEN
        PERFORM ghostwatch._seed_arrivals(clause, start_at);
    END IF;
END
$_restart_checks$;

COMMENT ON FUNCTION ghostwatch._restart_checks(integer) IS
'Begins the checks of an invariant anew, watch_for before now, and forgets what was found of that time.';
