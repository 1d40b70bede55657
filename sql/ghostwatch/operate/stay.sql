CREATE PROCEDURE ghostwatch._stay(
    contract text,
    stays_until timestamptz
)
LANGUAGE plpgsql
AS $_stay$
-- Waits for what is due, and checks it. PostgreSQL keeps a snapshot for as long as anything is evaluated, so the wait
-- consists of short transactions: none is older than the slice, and vacuum never waits for longer.
-- (No SET clause and no definer's rights: either would forbid the commits. So every name is qualified here.)
DECLARE
    slice constant interval := '250 milliseconds'::interval;
    began_at pg_catalog.timestamptz;
    due_at pg_catalog.timestamptz;
    took interval;
    wakes_at pg_catalog.timestamptz;
    asks_at pg_catalog.timestamptz;
BEGIN
    WHILE pg_catalog.clock_timestamp() OPERATOR(pg_catalog.<) stays_until LOOP
        -- An upgrade, a pause and maintenance end the stay; the next run begins anew.
        IF NOT ghostwatch._installed_version_is('@version@') OR NOT ghostwatch._may_stay() THEN
            COMMIT;
            RETURN;
        END IF;
        asks_at := pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) '1 second'::interval;

        IF wakes_at IS NULL THEN
            -- Under load a check waits for others that become due: ten times as long as the last one took, at most 200 ms.
            due_at := ghostwatch.next_check_due(contract);
            wakes_at := GREATEST(
                pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) (due_at OPERATOR(pg_catalog.-) ghostwatch._clock()),
                began_at OPERATOR(pg_catalog.+) LEAST(GREATEST(took OPERATOR(pg_catalog.*) 10::pg_catalog.float8, '50 milliseconds'::interval), '200 milliseconds'::interval)
            );
        END IF;
        COMMIT;

        WHILE pg_catalog.clock_timestamp() OPERATOR(pg_catalog.<) LEAST(wakes_at, asks_at, stays_until) LOOP
            PERFORM pg_catalog.pg_sleep(LEAST(
                pg_catalog.date_part('epoch', LEAST(wakes_at, asks_at, stays_until) OPERATOR(pg_catalog.-) pg_catalog.clock_timestamp()),
                pg_catalog.date_part('epoch', slice)
            ));
            COMMIT;
        END LOOP;

        IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>=) wakes_at THEN
            began_at := pg_catalog.clock_timestamp();
            CALL ghostwatch.run_due_checks(contract);
            took := pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) began_at;
            wakes_at := NULL;
        END IF;
    END LOOP;
END
$_stay$;

COMMENT ON PROCEDURE ghostwatch._stay (text, timestamptz) IS
'Checks whatever becomes due until a moment (NULL: not at all).
Ends within a second when the checks are paused, maintenance begins, exact_deadlines is switched off or ghostwatch is upgraded.';
