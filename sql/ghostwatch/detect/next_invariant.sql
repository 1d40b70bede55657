CREATE FUNCTION ghostwatch._next_invariant(
    contract text,
    done integer[],
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators lock and change no row themselves.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_next_invariant$
-- Only the caller's own contracts: nobody's expressions are run with somebody else's rights. The attempt has the time of
-- the machine's clock, which orders what really happened. (plpgsql, so that a session that runs checks again and again
-- plans this once.)
DECLARE
    caller constant regrole := ghostwatch._caller(credential);
    taken integer;
BEGIN
    UPDATE ghostwatch.check_progress AS p
    SET last_attempt_at = clock_timestamp()
    WHERE p.invariant_id = (
        SELECT q.invariant_id
        FROM ghostwatch.check_progress AS q
        INNER JOIN ghostwatch._clause AS c ON q.invariant_id = c.invariant_id
        WHERE c.owner = caller
          AND (_next_invariant.contract IS NULL OR c.contract = _next_invariant.contract)
          AND q.invariant_id <> ALL (done)
        ORDER BY q.last_attempt_at NULLS FIRST, q.invariant_id
        LIMIT 1
        FOR UPDATE OF q SKIP LOCKED
    )
    RETURNING p.invariant_id INTO taken;

    RETURN taken;
END
$_next_invariant$;

COMMENT ON FUNCTION ghostwatch._next_invariant(text, integer[], uuid) IS
'Takes the invariant of this role''s contracts whose last attempt is oldest, records the attempt and returns its id;
NULL when none is left that is not done or taken. The attempt is recorded before anything can go wrong with it.';
