CREATE FUNCTION ghostwatch._require_cron(
    statement text
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_require_cron$
-- It names no role: pg_cron lets only a superuser name one, and managed servers have none.
DECLARE
    cron record;
BEGIN
    SELECT c.loaded, c.database, c.here
    INTO cron
    FROM ghostwatch._cron() AS c;

    IF NOT cron.loaded THEN
        RAISE EXCEPTION 'this server has no pg_cron'
        USING
            ERRCODE = 'GW054',
            DETAIL = 'pg_cron is not among the shared_preload_libraries.',
            HINT = 'Install pg_cron, or let the sidecar run the checks: GHOSTWATCH_RUN_CHECKS_EVERY=1m ghostwatch notify';
    END IF;

    IF NOT cron.here AND cron.database = current_database() THEN
        RAISE EXCEPTION 'pg_cron is loaded, but not created in database %', current_database()
        USING
            ERRCODE = 'GW054',
            DETAIL = format('cron.database_name is %s, and there is no extension pg_cron in it.', cron.database),
            HINT = 'As superuser: CREATE EXTENSION pg_cron;';
    END IF;

    IF NOT cron.here THEN
        RAISE EXCEPTION 'pg_cron is in another database than %', current_database()
        USING
            ERRCODE = 'GW055',
            DETAIL = 'Run the statement of the hint '
                || coalesce(
                    'in database ' || cron.database,
                    'where pg_cron lives (SHOW cron.database_name; if that is here: CREATE EXTENSION pg_cron)'
                )
                || format(', as role %I.', current_user)
                || CASE
                    WHEN NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN format(
                        ' An administrator allows that there: GRANT USAGE ON SCHEMA cron TO %1$I; '
                        'GRANT EXECUTE ON FUNCTION cron.schedule_in_database(text, text, text, text, text, boolean) TO %1$I;',
                        current_user
                    )
                    ELSE ''
                END,
            HINT = statement;
    END IF;

    IF NOT has_schema_privilege('cron', 'USAGE') THEN
        RAISE EXCEPTION 'role % may not use pg_cron', current_user
        USING
            ERRCODE = 'GW056',
            DETAIL = 'It has no USAGE on schema cron.',
            HINT = format('As superuser: GRANT USAGE ON SCHEMA cron TO %I;', current_user);
    END IF;
END
$_require_cron$;

COMMENT ON FUNCTION ghostwatch._require_cron(text) IS
'statement: what does the same in the database of pg_cron when this role runs it, for the hint.
Raises GW054 where pg_cron is missing, GW055 where it is in another database, GW056 without the right to use it.';
