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
-- A key that has a violation already keeps it, but a clause that held again can be broken again.
BEGIN
    PERFORM ghostwatch._require_own_invariant(clause.invariant_id, credential);

    INSERT INTO ghostwatch.violation AS v (invariant_id, subject_key, born_at, branch_family, state, opened_at, escalated_at)
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
    ON CONFLICT ON CONSTRAINT violation_pkey DO UPDATE
    SET
        state = excluded.state,
        born_at = excluded.born_at,
        opened_at = excluded.opened_at,
        escalated_at = excluded.escalated_at,
        closed_at = NULL,
        close_reason = NULL
    WHERE v.closed_at IS NOT NULL
        AND clause.breaks_later;
END
$_record_moved_keys$;

COMMENT ON FUNCTION ghostwatch._record_moved_keys(ghostwatch._clause, timestamptz, ghostwatch._judgement[], uuid) IS
'Opens violations for subjects that were counted under another key. Raises GW008 (belongs to another role).';
