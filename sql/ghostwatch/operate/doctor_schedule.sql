CREATE FUNCTION ghostwatch._doctor_schedule()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_schedule$
-- Where pg_cron cannot be seen, only the runs themselves are evidence; see _doctor_runs.
DECLARE
    cron record;
BEGIN
    RETURN QUERY
    SELECT
        'schedule',
        'warning',
        format('Check runs are paused since %s, by %s.', s.changed_at::timestamptz(0), s.changed_by),
        'SELECT ghostwatch.resume();'
    FROM ghostwatch.settings AS s
    WHERE s.name = 'paused'
        AND s.value::boolean;

    SELECT c.loaded, c.database, c.here
    INTO cron
    FROM ghostwatch._cron() AS c;

    IF NOT cron.loaded THEN
        RETURN QUERY
        SELECT
            'schedule',
            'ok',
            'There is no pg_cron on this server; the sidecar can run the checks.',
            'GHOSTWATCH_RUN_CHECKS_EVERY=1m ghostwatch notify';
    ELSIF NOT cron.here AND cron.database = current_database() THEN
        RETURN QUERY
        SELECT
            'schedule',
            'warning',
            format('pg_cron is loaded for database %s, but its extension was not created.', cron.database),
            'CREATE EXTENSION pg_cron; -- as superuser';
    ELSIF NOT cron.here THEN
        RETURN QUERY
        SELECT
            'schedule',
            'ok',
            format('pg_cron lives in %s; its jobs cannot be seen from here.', coalesce('database ' || cron.database, 'another database')),
            'SELECT ghostwatch.schedule(); -- says which statement to run there';
    ELSIF NOT has_schema_privilege('cron', 'USAGE') THEN
        RETURN QUERY
        SELECT
            'schedule',
            'warning',
            format('Role %s may not use pg_cron.', current_user),
            format('GRANT USAGE ON SCHEMA cron TO %I;', current_user);
    ELSE
        RETURN QUERY
        SELECT
            'schedule',
            CASE WHEN NOT j.active THEN 'warning' WHEN latest.status = 'failed' THEN 'error' ELSE 'ok' END,
            CASE
                WHEN NOT j.active THEN format('Job %s of role %s is switched off.', j.jobid, j.username)
                WHEN latest.status = 'failed' THEN format('Job %s of role %s failed at %s: %s', j.jobid, j.username, latest.start_time::timestamptz(0), latest.return_message)
                ELSE format('pg_cron runs the checks as %s at %s; %s.', j.username, j.schedule, coalesce('last at ' || latest.start_time::timestamptz(0), 'not yet'))
            END,
            CASE
                WHEN NOT j.active THEN format('SET ROLE %I; SELECT ghostwatch.schedule(%L);', j.username, j.schedule)
                WHEN latest.status = 'failed' AND latest.job_pid IS NULL AND workers.used THEN
                    'pg_cron could start no background worker: raise max_worker_processes, or see the log of the server.'
                WHEN latest.status = 'failed' AND latest.job_pid IS NULL THEN
                    'Let pg_cron connect as this role: cron.use_background_workers = on, or a line in pg_hba.conf or .pgpass for it.'
                WHEN latest.status = 'failed' THEN format('As role %I: CALL ghostwatch.run_checks();', j.username)
            END
        FROM cron.job AS j
        LEFT JOIN LATERAL (
            SELECT
                d.status,
                d.job_pid,
                d.start_time,
                trim(d.return_message, E'\n') AS return_message
            FROM cron.job_run_details AS d
            WHERE d.jobid = j.jobid
                AND d.start_time IS NOT NULL
            ORDER BY d.runid DESC
            LIMIT 1
        ) AS latest
            ON true
        -- No row where this role may not see the setting. A run without a process never began.
        LEFT JOIN (SELECT s.setting::boolean AS used FROM pg_settings AS s WHERE s.name = 'cron.use_background_workers') AS workers
            ON true
        WHERE j.database = current_database()
            AND j.command ILIKE '%ghostwatch.run_checks%';

        IF NOT FOUND THEN
            RETURN QUERY
            SELECT 'schedule', 'warning', 'No job of pg_cron that this role can see runs the checks.', 'SELECT ghostwatch.schedule();';
        END IF;

        -- pg_cron never removes what it notes of each run.
        RETURN QUERY
        SELECT
            'schedule',
            'warning',
            format('cron.job_run_details holds about %s rows and is never pruned.', c.reltuples::bigint),
            'SELECT cron.schedule(''forget old runs'', ''0 4 * * *'', $$DELETE FROM cron.job_run_details WHERE end_time < now() - interval ''7 days''$$);'
        FROM pg_class AS c
        WHERE c.oid = 'cron.job_run_details'::regclass
            AND c.reltuples > 1000000;
    END IF;
END
$_doctor_schedule$;

COMMENT ON FUNCTION ghostwatch._doctor_schedule() IS
'Whether anything starts check runs: the pause, pg_cron''s jobs and what pg_cron says of their last run.';
