CREATE FUNCTION ghostwatch._decide_checks_stopped_now()
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer: check runs call it as operators, and it concerns the contracts of every role.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_decide_checks_stopped_now$
    -- Takes no time as an argument: a caller that could choose it could make the checks look stopped.
    SELECT ghostwatch._decide_checks_stopped(ghostwatch._clock())
$_decide_checks_stopped_now$;

COMMENT ON FUNCTION ghostwatch._decide_checks_stopped_now() IS
'Decides now whether the checks have stopped, or run again.';
