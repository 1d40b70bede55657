CREATE FUNCTION ghostwatch.doctor()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
ROWS 30
SET search_path = pg_catalog, pg_temp
-- The doctor waits for no lock, whatever a section examines.
SET lock_timeout = '100ms'
AS $doctor$
-- A section that fails costs the others nothing.
DECLARE
    sections constant text[] := ARRAY[
        'ghostwatch._doctor_privileges',
        'ghostwatch._doctor_schedule',
        'ghostwatch._doctor_runs',
        'ghostwatch._doctor_tables',
        'ghostwatch._doctor_indexes',
        'ghostwatch._doctor_keys',
        'ghostwatch._doctor_clocks',
        'ghostwatch._doctor_missed',
        'ghostwatch._doctor_triggers',
        'ghostwatch._doctor_transactions',
        'ghostwatch._doctor_time_limit',
        'ghostwatch._doctor_rules',
        'ghostwatch._doctor_repairs',
        'ghostwatch._doctor_delivery',
        'ghostwatch._doctor_server'
    ];
    -- These run expressions of the current role's contracts.
    judging constant text[] := ARRAY[
        'ghostwatch._doctor_indexes',
        'ghostwatch._doctor_keys',
        'ghostwatch._doctor_clocks',
        'ghostwatch._doctor_missed',
        'ghostwatch._doctor_rules'
    ];
    section  text;
    hint     text;
    found    ghostwatch._finding[];
    findings ghostwatch._finding[] := '{}'::ghostwatch._finding[];
BEGIN
    FOREACH section IN ARRAY sections
    LOOP
        BEGIN
            IF section = ANY (judging) THEN
                PERFORM ghostwatch._require_runnable(NULL);
            END IF;
            EXECUTE format('SELECT array_agg(f) FROM %s() AS f', section) INTO found;
        EXCEPTION
            WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
                found := ARRAY[
                    ROW(
                        replace(split_part(section, '_doctor_', 2), '_', ' '),
                        'warning',
                        format('This could not be examined (%s: %s).', SQLSTATE, SQLERRM),
                        coalesce(nullif(hint, ''), 'SELECT * FROM ghostwatch.doctor(); -- again')
                    )::ghostwatch._finding
                ];
        END;
        findings := findings || found;
    END LOOP;

    -- Errors first, then warnings, then what is well.
    RETURN QUERY
    SELECT
        f.check_name,
        f.verdict,
        f.finding,
        f.advice
    FROM unnest(findings) WITH ORDINALITY AS f (check_name, verdict, finding, advice, place)
    ORDER BY
        array_position(ARRAY['error', 'warning', 'ok'], f.verdict),
        f.place;
END
$doctor$;

COMMENT ON FUNCTION ghostwatch.doctor() IS
'Examines the installation: what is wrong (error), could become wrong (warning) or is well (ok), and what to do about it. Changes nothing.';
