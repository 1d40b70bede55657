CREATE FUNCTION ghostwatch._doctor_server()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_server$
BEGIN
    RETURN QUERY
    SELECT
        'server',
        'warning',
        'This database is in recovery: it follows another server, and nothing is checked or sent from here.',
        'Ask the doctor on the primary.'
    WHERE pg_is_in_recovery();

    RETURN QUERY
    SELECT
        'settings',
        'ok',
        format('%s is %s (default %s), set by %s at %s.', s.name, s.value, s.default_value, s.changed_by, s.changed_at::timestamptz(0)),
        format('To undo: SELECT ghostwatch.reset_setting(%L);', s.name)
    FROM ghostwatch.settings AS s
    WHERE s.value <> s.default_value
        AND s.name <> 'paused';

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'settings', 'ok', 'Every setting has its default.', NULL::text;
    END IF;

    RETURN QUERY
    SELECT
        'vacuum',
        'warning',
        'Autovacuum is off: tables that change all the time, as those of ghostwatch do, will bloat.',
        'ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf();'
    WHERE NOT current_setting('autovacuum')::boolean;
END
$_doctor_server$;

COMMENT ON FUNCTION ghostwatch._doctor_server() IS
'What is special about the server, and what was changed around ghostwatch: its settings, and vacuum.';
