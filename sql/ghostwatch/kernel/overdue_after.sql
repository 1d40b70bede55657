CREATE FUNCTION ghostwatch._overdue_after()
RETURNS interval
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_overdue_after$
    -- Three periods, and at least half a minute, so that one slow run among runs every second is no alarm.
    SELECT greatest(3 * ghostwatch._setting('check_period')::interval, '30 seconds'::interval)
$_overdue_after$;

COMMENT ON FUNCTION ghostwatch._overdue_after() IS
'How long no check may succeed before the checks count as stopped.';
