CREATE FUNCTION ghostwatch.unschedule()
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $unschedule$
-- Without pg_cron there can be no job.
DECLARE
    job constant text := ghostwatch._job_name();
BEGIN
    IF NOT (SELECT c.loaded FROM ghostwatch._cron() AS c) THEN
        RETURN false;
    END IF;

    PERFORM ghostwatch._require_cron(
        format('SELECT cron.unschedule(j.jobid) FROM cron.job AS j WHERE j.jobname = %L;', job)
    );

    PERFORM cron.unschedule(j.jobid)
    FROM cron.job AS j
    WHERE j.jobname = job;

    RETURN FOUND;
END
$unschedule$;

COMMENT ON FUNCTION ghostwatch.unschedule() IS
'Removes this role''s pg_cron job for this database; returns whether there was one. Raises GW055 where pg_cron is in another database, GW056 without the right to use it.';
