CREATE FUNCTION ghostwatch.next_check_due(
    contract text DEFAULT NULL
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $next_check_due$
-- So that a scheduler need not run checks again and again to find out that nothing is due.
BEGIN
    PERFORM ghostwatch._require_runnable(contract);
    IF ghostwatch._setting('paused')::boolean THEN
        RETURN NULL;
    END IF;

    RETURN (
        SELECT min(least(d.due_at, d.look_again_at))
        FROM ghostwatch._due_checks(contract) AS d
    );
END
$next_check_due$;

COMMENT ON FUNCTION ghostwatch.next_check_due(text) IS
'When a check could next change something, never later; NULL where the role has no contract, and while checks are paused. It may lie in the past. '
'Counted are deadlines of subjects that lack their row, violations that escalate or expire, alerts that resolve or are repeated, silences and maintenance that end, '
'signups that stay away for unusually long, and whoever could sign up from now on. That rows are deleted again is not. '
'contract: NULL for all of the calling role. '
'Raises GW001 (no such contract), GW020 (it belongs to another role).';
