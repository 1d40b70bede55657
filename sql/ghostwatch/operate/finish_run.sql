CREATE FUNCTION ghostwatch._finish_run(
    started_at timestamptz,
    checks integer,
    failures integer,
    judged integer,
    opened integer,
    backlog boolean,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_finish_run$
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    caller constant regrole := ghostwatch._caller(credential);
    is_first boolean;
    is_first_of_caller boolean;
BEGIN
    -- Once a minute is enough, however often checks run.
    SELECT count(*) = 0, count(*) FILTER (WHERE r.owner = caller) = 0
    INTO is_first, is_first_of_caller
    FROM ghostwatch.check_run AS r
    WHERE r.started_at >= date_trunc('minute', as_of);

    IF is_first THEN
        PERFORM ghostwatch._prune(as_of);
    END IF;

    -- What found nothing is worth a line a minute.
    IF is_first_of_caller OR judged > 0 OR failures > 0 OR backlog THEN
        INSERT INTO ghostwatch.check_run (owner, started_at, finished_at, checks, failures, judged, opened, backlog)
        VALUES (caller, started_at, as_of, checks, failures, judged, opened, backlog);
    END IF;

    PERFORM ghostwatch._summarize_maintenance(as_of);
    -- Whether they have stopped was decided before the first invariant; whether they run again is known after the last.
    IF EXISTS (SELECT FROM ghostwatch.alert AS a WHERE a.kind = 'checks_stopped' AND a.state = 'firing') THEN
        PERFORM ghostwatch._decide_checks_stopped_now();
    END IF;
    PERFORM ghostwatch._relax_commit();
END
$_finish_run$;

COMMENT ON FUNCTION ghostwatch._finish_run(timestamptz, integer, integer, integer, integer, boolean, uuid) IS
'Ends a check run: records it if it found something or is the first of its minute, prunes, and decides what concerns all contracts.';
