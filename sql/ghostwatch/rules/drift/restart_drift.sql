CREATE FUNCTION ghostwatch._restart_drift(
    invariant_id integer,
    history_from timestamptz,
    is_complete boolean DEFAULT false
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_restart_drift$
-- Waits for a check of the invariant that is running: it has locked rows of the detectors.
BEGIN
    IF history_from IS NOT NULL THEN
        INSERT INTO ghostwatch.drift_history (invariant_id, begins_at, is_complete)
        VALUES (invariant_id, history_from, is_complete)
        ON CONFLICT ON CONSTRAINT drift_history_pkey DO UPDATE
        SET begins_at = excluded.begins_at, is_complete = excluded.is_complete;
    END IF;

    DELETE FROM ghostwatch.drift_detector AS a WHERE a.invariant_id = _restart_drift.invariant_id;
    DELETE FROM ghostwatch.drift_baseline AS b WHERE b.invariant_id = _restart_drift.invariant_id;
END
$_restart_drift$;

COMMENT ON FUNCTION ghostwatch._restart_drift(integer, timestamptz, boolean) IS
'Starts the rule drift of an invariant anew: without detectors and baselines, its history from history_from on (NULL: as before).
is_complete: earlier rows of the application are no part of the history.';
