CREATE FUNCTION ghostwatch._overdue_after()
RETURNS interval
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_overdue_after$
-- Three periods, and at least half a minute, so that one slow run among runs every second is no alarm.
-- (plpgsql, so that a session that runs checks again and again plans this once.)
BEGIN
    RETURN greatest(3 * ghostwatch._setting('check_period')::interval, '30 seconds'::interval);
END
$_overdue_after$;

COMMENT ON FUNCTION ghostwatch._overdue_after() IS
'How long no check may succeed before the checks count as stopped.';
