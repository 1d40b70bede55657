CREATE FUNCTION ghostwatch.doctor()
RETURNS SETOF ghostwatch._finding
LANGUAGE sql
STABLE
PARALLEL UNSAFE
ROWS 30
SET search_path = pg_catalog, pg_temp
AS $doctor$
    -- Errors first, then warnings, then what is well.
    SELECT
        f.check_name,
        f.verdict,
        f.finding,
        f.advice
    FROM (
        SELECT * FROM ghostwatch._doctor_privileges()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_schedule()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_runs()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_tables()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_indexes()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_keys()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_clocks()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_missed()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_triggers()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_transactions()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_time_limit()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_rules()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_delivery()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_server()
    ) AS f
    ORDER BY
        array_position(ARRAY['error', 'warning', 'ok'], f.verdict),
        row_number() OVER ()
$doctor$;

COMMENT ON FUNCTION ghostwatch.doctor() IS
'Examines the installation: what is wrong (error), could become wrong (warning) or is well (ok), and what to do about it. Changes nothing.';
