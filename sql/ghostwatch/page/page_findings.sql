CREATE FUNCTION ghostwatch.page_findings()
RETURNS SETOF ghostwatch._finding
LANGUAGE sql
STABLE
PARALLEL UNSAFE
ROWS 20
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_findings$
    -- What the doctor finds in ghostwatch's own tables and the catalogs: a viewer makes nothing run that the application
    -- declared, and reads no error that may quote a row. For the rest: SELECT * FROM ghostwatch.doctor().
    SELECT f.check_name, f.verdict, coalesce(hidden.finding, f.finding), f.advice
    FROM (
        SELECT * FROM ghostwatch._doctor_schedule()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_runs()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_rules()
        UNION ALL
        SELECT * FROM ghostwatch._doctor_delivery()
    ) AS f
    LEFT JOIN LATERAL (
        SELECT replace(f.finding, p.last_error, format('SQLSTATE %s', p.last_error_state)) AS finding
        FROM ghostwatch.check_progress AS p
        WHERE p.last_error <> ''
            AND right(f.finding, length(p.last_error)) = p.last_error
            AND NOT ghostwatch._setting('page_sample_keys')::boolean
        LIMIT 1
    ) AS hidden
        ON true
    ORDER BY array_position(ARRAY['error', 'warning', 'ok'], f.verdict), f.check_name, f.finding
$page_findings$;

COMMENT ON FUNCTION ghostwatch.page_findings() IS
'What the doctor says about schedule, check runs, rules and delivery, for the page. '
'An error of the application''s tables is named by its SQLSTATE only, unless the setting page_sample_keys is on.';
