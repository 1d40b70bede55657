CREATE FUNCTION ghostwatch._doctor_repairs()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_repairs$
-- Whether a function is there and fit is otherwise known only when somebody needs it.
DECLARE
    clause ghostwatch._clause;
    problem text;
    advice text;
    failures bigint;
    is_well boolean := true;
BEGIN
    FOR clause IN
        SELECT c.*
        FROM ghostwatch._clause AS c
        WHERE c.repair IS NOT NULL
        ORDER BY c.contract, c.invariant
    LOOP
        BEGIN
            PERFORM ghostwatch._repairing_query(clause);
        EXCEPTION
            WHEN SQLSTATE 'GW066' OR SQLSTATE 'GW069' THEN
                GET STACKED DIAGNOSTICS
                    problem = PG_EXCEPTION_DETAIL,
                    advice = PG_EXCEPTION_HINT;
                is_well := false;
                RETURN NEXT ROW(
                    'repairs',
                    CASE SQLSTATE WHEN 'GW066' THEN 'error' ELSE 'warning' END,
                    format('%s/%s cannot be repaired by %s: %s', clause.contract, clause.invariant, clause.repair, problem),
                    advice
                )::ghostwatch._finding;
                CONTINUE;
        END;

        SELECT count(*) INTO failures
        FROM ghostwatch.repair_attempt AS a
        WHERE a.invariant_id = clause.invariant_id
            AND a.outcome IN ('failed', 'still broken')
            AND a.attempted_at > ghostwatch._clock() - '1 day'::interval;
        IF failures > 0 THEN
            is_well := false;
            RETURN NEXT ROW(
                'repairs',
                'warning',
                format(
                    '%s of %s/%s did not help in the last 24 hours.',
                    ghostwatch._pluralize(failures, 'repair'), clause.contract, clause.invariant
                ),
                format(
                    'SELECT * FROM ghostwatch.repair_history WHERE contract = %L AND invariant = %L AND outcome <> ''repaired'';',
                    clause.contract, clause.invariant
                )
            )::ghostwatch._finding;
        END IF;
    END LOOP;

    IF is_well THEN
        RETURN NEXT ROW('repairs', 'ok', 'Declared repairs are there, and helped.', NULL)::ghostwatch._finding;
    END IF;
END
$_doctor_repairs$;

COMMENT ON FUNCTION ghostwatch._doctor_repairs() IS
'The doctor on repairs: functions that are gone or not fit, and repairs of the last day that did not help.';
