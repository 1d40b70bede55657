CREATE FUNCTION ghostwatch._doctor_missed()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_missed$
-- A birth time that is far too early, or a lock on the tables that capture writes, hides a subject from the checks. Examines only
-- contracts of this role, whose expressions it evaluates, and only where an index leads to the subjects; it names the others.
DECLARE
    as_of   constant timestamptz := ghostwatch._clock();
    clause  ghostwatch._clause;
    missed  integer;
    is_well boolean := true;
BEGIN
    FOR clause IN
        SELECT c.*
        FROM ghostwatch._clause AS c
        INNER JOIN ghostwatch.check_progress AS p
            ON p.invariant_id = c.invariant_id
        WHERE c.owner = quote_ident(current_user)::regrole
            AND p.failing_since IS NULL
            AND p.watermark > as_of - c.watch_for
        ORDER BY c.contract, c.invariant
    LOOP
        BEGIN
            IF NOT ghostwatch._birth_is_indexed(clause) THEN
                is_well := false;
                RETURN NEXT ROW(
                    'missed',
                    'warning',
                    format(
                        'Whether the checks of %s.%s miss subjects was not examined: no index leads to the births in %s.',
                        clause.contract, clause.invariant, clause.subject
                    ),
                    CASE
                        WHEN clause.born_at_expression IS NULL
                            THEN ghostwatch._index_advice(clause.subject, ARRAY[clause.born_at_column], ARRAY['btree']::name[], false)
                    END
                )::ghostwatch._finding;
                CONTINUE;
            END IF;

            missed := cardinality(ghostwatch._missed_keys(
                clause,
                as_of - clause.watch_for,
                (SELECT p.watermark FROM ghostwatch.check_progress AS p WHERE p.invariant_id = clause.invariant_id)
            ));

            IF missed > 0 THEN
                is_well := false;
                RETURN NEXT ROW(
                    'missed',
                    'warning',
                    format(
                        'Missed by the checks of %s.%s: %s of %s without the row, %s, or had it and lost it.',
                        clause.contract, clause.invariant, missed, clause.subject,
                        CASE
                            WHEN clause.capture THEN 'whose arrival was not recorded'
                            ELSE format('who came more than %s (the lateness) after their birth', clause.lateness)
                        END
                    ),
                    CASE
                        WHEN clause.capture THEN 'SELECT * FROM ghostwatch.capture_failure; -- the checks record and judge those that they find'
                        ELSE format('SELECT ghostwatch.declare_contract(%L, capture => true); -- or a longer lateness', clause.contract)
                    END
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
