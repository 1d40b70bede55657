CREATE FUNCTION ghostwatch._take_task(
    name text
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: check runs call it as operators, who cannot lock the row themselves.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_take_task$
-- Never waits: if the row is locked, another session performs the task.
BEGIN
    PERFORM
    FROM ghostwatch.exclusive_task AS t
    WHERE t.name = _take_task.name
    FOR NO KEY UPDATE SKIP LOCKED;

    RETURN FOUND;
END
$_take_task$;

COMMENT ON FUNCTION ghostwatch._take_task(text) IS
'Takes a task for this transaction; returns false where another session performs it.';
