CREATE FUNCTION ghostwatch._may_stay()
RETURNS boolean
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_may_stay$
-- Asked every second: so what costs more is asked only where there is maintenance at all.
BEGIN
    IF EXISTS (SELECT FROM ghostwatch.maintenance AS m WHERE m.summarized_at IS NULL)
        AND ghostwatch._in_maintenance(NULL, ghostwatch._clock())
    THEN
        RETURN false;
    END IF;

    RETURN ghostwatch._setting('exact_deadlines')::boolean AND NOT ghostwatch._setting('paused')::boolean;
END
$_may_stay$;

COMMENT ON FUNCTION ghostwatch._may_stay() IS
'Whether a run may stay: exact_deadlines is on, the checks are not paused, and not every contract of this role is in maintenance.';
