CREATE FUNCTION ghostwatch._doctor_server()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_server$
-- What was changed around ghostwatch: its settings, who may use it, and vacuum.
BEGIN
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
        'privileges',
        'error',
        format('Everybody may %s %s.', lower(opened.privilege_type), opened.object),
        format('REVOKE ALL ON %s %s FROM PUBLIC;', opened.kind, opened.object)
    FROM (
        SELECT 'ROUTINE' AS kind, p.oid::regprocedure::text AS object, acl.grantee, acl.privilege_type
        FROM pg_proc AS p
        CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS acl
        WHERE p.pronamespace = 'ghostwatch'::regnamespace
        UNION ALL
        SELECT 'TABLE', c.oid::regclass::text, acl.grantee, acl.privilege_type
        FROM pg_class AS c
        CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
        WHERE c.relnamespace = 'ghostwatch'::regnamespace
            AND c.relkind IN ('r', 'v')
    ) AS opened
    WHERE opened.grantee = 0
    ORDER BY opened.object;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'privileges', 'ok', 'Nothing of ghostwatch is open to everybody.', NULL::text;
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
'The doctor on what was changed around ghostwatch: settings, privileges, vacuum.';
