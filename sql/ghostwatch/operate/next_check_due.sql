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
'When a check could next change something: a subject that lacks its row reaches its deadline, a violation escalates or expires, an alert resolves or is repeated, a silence or maintenance ends, nobody has come for unusually long, or whoever signs up from now on could be due. '
'Never later than that, as long as rows that came stay. It may lie in the past. contract: NULL for all of the calling role; NULL is returned where it has none, and while checks are paused. '
'Raises GW001 (no such contract), GW020 (it belongs to another role).';
