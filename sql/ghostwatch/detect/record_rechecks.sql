CREATE FUNCTION ghostwatch._record_rechecks(
    clause ghostwatch._clause,
    as_of timestamptz,
    judgements ghostwatch._judgement[],
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS timestamptz[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_record_rechecks$
DECLARE
    checked_up_to constant timestamptz := (SELECT p.checked_up_to FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id);
    births_of_the_gone timestamptz[];
BEGIN
    PERFORM ghostwatch._require_own_invariant(clause.invariant_id, credential);

    WITH found AS (
        SELECT
            v.ctid AS place,
            v.state,
            v.opened_at,
            life.born_at,
            CASE
                WHEN f.subject_key IS NULL THEN 'deleted'
                WHEN f.satisfied THEN 'row_came'
                WHEN as_of - life.born_at <= clause.watch_for THEN NULL
                WHEN f.exempt_by_predicate THEN 'exempt'
                ELSE 'expired'
            END AS close_reason,
            ghostwatch._life_state(f.exempt_by_predicate, as_of - life.born_at, clause.error_after, clause.watch_for) AS open_state
        FROM ghostwatch.violation AS v
        LEFT JOIN (
            -- Where a key is not unique, one subject that lacks the row is enough.
            SELECT DISTINCT ON (j.subject_key) j.*
            FROM unnest(judgements) AS j
            ORDER BY j.subject_key, j.satisfied, j.born_at
        ) AS f
            ON f.subject_key = v.subject_key
            AND (clause.capture OR f.born_at <= checked_up_to OR f.born_at = v.born_at)
        CROSS JOIN LATERAL (
            SELECT CASE WHEN clause.capture THEN v.born_at ELSE coalesce(f.born_at, v.born_at) END AS born_at
        ) AS life
        WHERE v.invariant_id = clause.invariant_id
            AND v.closed_at IS NULL
    ),

    outcome AS (
        SELECT
            f.*,
            CASE
                WHEN f.close_reason IS NULL OR f.close_reason = 'expired' THEN f.open_state
                WHEN f.opened_at IS NOT NULL THEN 'recovered'
            END AS new_state
        FROM found AS f
    ),

    -- Exempt for as long as it was watched: this never was a violation.
    forgotten AS (
        DELETE FROM ghostwatch.violation AS v
        USING outcome AS o
        WHERE v.ctid = o.place
            AND o.new_state IS NULL
    ),

    changed AS (
        UPDATE ghostwatch.violation AS v
        SET
            state = o.new_state,
            born_at = o.born_at,
            opened_at = CASE WHEN o.new_state = 'exempt' THEN v.opened_at ELSE coalesce(v.opened_at, as_of) END,
            escalated_at = CASE WHEN o.new_state = 'error' THEN coalesce(v.escalated_at, as_of) ELSE v.escalated_at END,
            closed_at = CASE WHEN o.close_reason IS NOT NULL THEN as_of END,
            close_reason = o.close_reason
        FROM outcome AS o
        WHERE v.ctid = o.place
            AND o.new_state <> o.state
        RETURNING v.born_at, v.close_reason
    )

    SELECT array_agg(DISTINCT c.born_at)
    INTO births_of_the_gone
    FROM changed AS c
    WHERE c.close_reason = 'deleted';

    RETURN births_of_the_gone;
END
$_record_rechecks$;

COMMENT ON FUNCTION ghostwatch._record_rechecks(ghostwatch._clause, timestamptz, ghostwatch._judgement[], uuid) IS
'Records what has become of the open violations of an invariant; returns the births of the subjects that are gone,
NULL where none is. Raises GW008 (belongs to another role).';
