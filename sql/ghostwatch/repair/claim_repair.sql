CREATE FUNCTION ghostwatch._claim_repair(
    invariant_id integer,
    subject_key text,
    opened_at timestamptz,
    as_of timestamptz,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_claim_repair$
-- The primary key makes a second repair of the same violation wait for the first one, and then find it done.
BEGIN
    PERFORM ghostwatch._require_own_invariant(_claim_repair.invariant_id, credential);

    INSERT INTO ghostwatch.repair_attempt (invariant_id, subject_key, opened_at, attempted_at)
    SELECT v.invariant_id, v.subject_key, v.opened_at, as_of
    FROM ghostwatch.violation AS v
    WHERE v.invariant_id = _claim_repair.invariant_id
        AND v.subject_key = _claim_repair.subject_key
        AND v.opened_at = _claim_repair.opened_at
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$_claim_repair$;

COMMENT ON FUNCTION ghostwatch._claim_repair(integer, text, timestamptz, timestamptz, uuid) IS
'Begins the repair of a violation; false if it was repaired before, or is no violation any more. Raises GW008, GW061.';
