CREATE FUNCTION ghostwatch._doctor_missed()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $_doctor_missed$
-- With capture no subject can be missed. Examines only contracts of this role, whose expressions it evaluates, and only where the
-- subjects are found by an index.
DECLARE
    as_of   constant timestamptz := ghostwatch._clock();
    clause  ghostwatch._clause;
    missed  bigint;
    is_well boolean := true;
BEGIN
    FOR clause IN
        SELECT c.*
        FROM ghostwatch._clause AS c
        INNER JOIN ghostwatch.check_progress AS p
            ON p.invariant_id = c.invariant_id
        WHERE c.owner = quote_ident(current_user)::regrole
            AND NOT c.capture
            AND p.failing_since IS NULL
            AND p.watermark > as_of - c.watch_for
            AND ghostwatch._index_advice(c.subject, ARRAY[c.born_at_column], ARRAY['btree']::name[], false) IS NULL
        ORDER BY c.contract, c.invariant
    LOOP
        BEGIN
            SELECT count(*)
            INTO missed
            FROM unnest(ghostwatch._judge_born(
                clause,
                as_of - clause.watch_for,
                (SELECT p.watermark FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id),
                only_violated => true
            )) AS j
            WHERE NOT EXISTS (
                SELECT FROM ghostwatch.violation AS v
                WHERE v.invariant_id = clause.invariant_id
                    AND v.subject_key = j.subject_key
            );

            IF missed > 0 THEN
                is_well := false;
                RETURN NEXT ROW(
                    'missed',
                    'warning',
                    format(
                        'Missed by the checks of %s.%s: %s of %s without the row, who came more than %s (the lateness) after their birth, or had it and lost it.',
                        clause.contract, clause.invariant, missed, clause.subject, clause.lateness
                    ),
                    format(
                        'SELECT ghostwatch.declare_contract(%L, capture => true); -- or a longer lateness',
                        clause.contract
                    )
                )::ghostwatch._finding;
            END IF;
        EXCEPTION
            -- An invariant that cannot be examined must not keep the doctor from the others.
            WHEN OTHERS THEN
                is_well := false;
                RETURN NEXT ROW(
                    'missed',
                    'warning',
                    format('Whether the checks of %s.%s miss subjects could not be examined (%s: %s).', clause.contract, clause.invariant, SQLSTATE, SQLERRM),
                    'See whether the next check fails too.'
                )::ghostwatch._finding;
        END;
    END LOOP;

    IF is_well THEN
        RETURN QUERY
        SELECT 'missed', 'ok', 'No subject was missed lately.', NULL::text;
    END IF;
END
$_doctor_missed$;

COMMENT ON FUNCTION ghostwatch._doctor_missed() IS
'The doctor on missed subjects, in the contracts of this role: they lack their row, are due, and no check has seen them.';
