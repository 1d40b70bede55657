CREATE FUNCTION ghostwatch.schedule(
    every text DEFAULT '* * * * *'
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $schedule$
-- A second call changes the schedule. A superuser is warned.
DECLARE
    -- A run each minute stays for its minute; whoever wants runs less often, or more often, has said how exact they are.
    command constant text := CASE
        WHEN every = '* * * * *' THEN 'CALL ghostwatch.run_checks(stay_for => ''1 minute'')'
        ELSE 'CALL ghostwatch.run_checks()'
    END;
    job     constant text := ghostwatch._job_name();
    period           interval;
    job_id           bigint;
BEGIN
    -- Only regular schedules: otherwise nothing could decide when a run is overdue.
    period := CASE
        WHEN every = '* * * * *' THEN '1 minute'::interval
        WHEN every ~ '^\*/([1-9]|[1-5][0-9]) \* \* \* \*$' THEN substring(every FROM '\d+')::integer * '1 minute'::interval
        WHEN every ~ '^([1-9]|[1-5][0-9]) seconds?$' THEN substring(every FROM '\d+')::integer * '1 second'::interval
    END;

    IF period IS NULL THEN
        RAISE EXCEPTION 'check runs cannot be scheduled at %', quote_nullable(every)
        USING
            ERRCODE = 'GW052',
            DETAIL = 'A schedule is ''* * * * *'' (every minute), ''*/N * * * *'' (every N minutes) or ''N seconds''.',
            HINT = 'SELECT ghostwatch.schedule(''* * * * *'');';
    END IF;

    -- Whoever owns a table that the checks read can run code as the job's role.
    IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RAISE WARNING 'the checks will run as superuser %', current_user
        USING
            DETAIL = 'The owner of a table that they read can run code with the rights of this role.',
            HINT = 'Let a role without superuser own the contracts and schedule: SELECT ghostwatch.unschedule(); SET ROLE ghostwatch_owner; SELECT ghostwatch.schedule();';
    END IF;

    PERFORM ghostwatch._require_cron(
        format(
            'SELECT cron.schedule_in_database(%L, %L, %L, %L);',
            job, every, command, current_database()
        )
    );

    -- pg_cron does not activate a job that was deactivated.
    PERFORM cron.unschedule(j.jobid)
    FROM cron.job AS j
    WHERE j.jobname = job
        AND NOT j.active;

    BEGIN
        job_id := cron.schedule(job, every, command);
    EXCEPTION
        WHEN invalid_parameter_value THEN
            RAISE EXCEPTION 'this pg_cron cannot run checks every %', every
            USING
                ERRCODE = 'GW053',
                DETAIL = format('pg_cron says: %s. It counts seconds from version 1.5 on.', SQLERRM),
                HINT = 'Update pg_cron, or take whole minutes: SELECT ghostwatch.schedule(''* * * * *'');';
    END;

    PERFORM ghostwatch.set_setting('check_period', period::text);
    RETURN job_id;
END
$schedule$;

COMMENT ON FUNCTION ghostwatch.schedule(text) IS
'Lets pg_cron run the checks of this role''s contracts: ''* * * * *'', ''*/N * * * *'' (minutes), or ''N seconds'' with pg_cron 1.5 and later. '
'Returns the number of the job. A run each minute stays for its minute and checks exactly when something is due, unless the setting exact_deadlines is off. '
'Raises GW052 for another schedule, GW053 where pg_cron cannot count seconds, GW054 where pg_cron is missing, '
'GW055 where it is in another database, GW056 without the right to use it.';
