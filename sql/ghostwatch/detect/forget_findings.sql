CREATE FUNCTION ghostwatch._forget_findings(
    invariant_id integer,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_forget_findings$
-- Waits for a check that is under way.
DECLARE
    start_at timestamptz;
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);
    start_at := ghostwatch._clock() - (SELECT i.watch_for FROM ghostwatch.invariant AS i WHERE i.invariant_id = _forget_findings.invariant_id);

    INSERT INTO ghostwatch.check_progress AS p (invariant_id, watermark, checked_up_to)
    VALUES (_forget_findings.invariant_id, start_at, start_at)
    ON CONFLICT ON CONSTRAINT check_progress_pkey DO UPDATE
    SET watermark = excluded.watermark,
        checked_up_to = excluded.checked_up_to,
        catching_up_since = NULL,
        skew = NULL,
        skew_seen_at = NULL;

    -- What was found under the old definition says nothing about the new one.
    DELETE FROM ghostwatch.checked_ahead AS j WHERE j.invariant_id = _forget_findings.invariant_id;
    DELETE FROM ghostwatch.violation AS v
    WHERE v.invariant_id = _forget_findings.invariant_id
      AND (v.closed_at IS NULL OR v.born_at >= start_at);
    DELETE FROM ghostwatch.branch_minute AS b
    WHERE b.invariant_id = _forget_findings.invariant_id
      AND b.minute >= date_trunc('minute', start_at);
    DELETE FROM ghostwatch.branch_value AS b
    USING ghostwatch.invariant AS i
    WHERE i.invariant_id = _forget_findings.invariant_id
        AND b.contract_id = i.contract_id;
    PERFORM ghostwatch._restart_drift(invariant_id, start_at);

    RETURN start_at;
END
$_forget_findings$;

COMMENT ON FUNCTION ghostwatch._forget_findings(integer, uuid) IS
'Sets the checks of an invariant back by watch_for, forgets what was found of that time and returns its beginning.
 Raises GW008 (belongs to another role).';
