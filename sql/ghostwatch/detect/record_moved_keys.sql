CREATE FUNCTION ghostwatch._record_moved_keys(
    clause ghostwatch._clause,
    as_of timestamptz,
    judgements ghostwatch._judgement[],
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_moved_keys$
-- A key that has a violation already keeps it.
BEGIN
    PERFORM ghostwatch._require_own_invariant(clause.invariant_id, credential);

    INSERT INTO ghostwatch.violation (invariant_id, subject_key, born_at, branch_family, state, opened_at, escalated_at)
    SELECT
        clause.invariant_id,
        j.subject_key,
        j.born_at,
        j.branch_family,
        life.state,
        as_of,
        CASE WHEN life.state = 'error' THEN as_of END
    FROM unnest(judgements) AS j
    CROSS JOIN LATERAL (
        SELECT ghostwatch._life_state(false, as_of - j.born_at, clause.error_after, clause.watch_for) AS state
    ) AS life
    WHERE life.state <> 'expired'
    ON CONFLICT ON CONSTRAINT violation_pkey DO NOTHING;
END
$_record_moved_keys$;

COMMENT ON FUNCTION ghostwatch._record_moved_keys(ghostwatch._clause, timestamptz, ghostwatch._judgement[], uuid) IS
'Opens violations for subjects that were counted under another key. Raises GW008 (belongs to another role).';
