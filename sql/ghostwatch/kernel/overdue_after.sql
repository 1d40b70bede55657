CREATE FUNCTION ghostwatch._overdue_after()
RETURNS interval
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_overdue_after$
    -- How long check runs may be silent before they count as stopped: three periods, and half a minute at least,
    -- so that one slow run among runs every second is no news.
    SELECT greatest(3 * ghostwatch._setting('check_period')::interval, '30 seconds'::interval)
$_overdue_after$;

COMMENT ON FUNCTION ghostwatch._overdue_after() IS
'How long check runs may be silent before they count as stopped.';
