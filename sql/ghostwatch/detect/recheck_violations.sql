CREATE FUNCTION ghostwatch._recheck_violations(
    clause ghostwatch._clause,
    as_of timestamptz
)
RETURNS text[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_recheck_violations$
-- A subject that is born anew under the same key, and not yet due, counts as deleted: its new life is judged when it
-- is due.
DECLARE
    open_keys constant text[] := ARRAY(
        SELECT v.subject_key
        FROM ghostwatch.violation AS v
        WHERE v.invariant_id = clause.invariant_id
            AND v.closed_at IS NULL
    );
    watched ghostwatch._clause := clause;
    judgements ghostwatch._judgement[];
    births_of_the_gone timestamptz[];
BEGIN
    IF open_keys <> '{}' THEN
        -- The branch stays what it was at birth, and costs a look-up.
        watched.branch_expression := NULL;
        judgements := ghostwatch._judge_all(watched, 'keys', keys => open_keys);

        births_of_the_gone := ghostwatch._record_rechecks(watched, as_of, judgements);
        IF births_of_the_gone IS NOT NULL THEN
            PERFORM ghostwatch._follow_moved_keys(clause, as_of, births_of_the_gone);
        END IF;
    END IF;

    IF clause.breaks_later THEN
        PERFORM ghostwatch._find_later_breaks(clause, as_of);
    END IF;

    RETURN ARRAY(SELECT j.subject_key FROM unnest(judgements) AS j WHERE j.error_state IS NOT NULL);
END
$_recheck_violations$;

COMMENT ON FUNCTION ghostwatch._recheck_violations(ghostwatch._clause, timestamptz) IS
'Looks at every open violation again, by key: it recovers, escalates, expires, or stays. Returns the keys of those that cannot be judged.';
