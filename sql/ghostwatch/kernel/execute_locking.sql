CREATE FUNCTION ghostwatch._execute_locking(
    relation regclass,
    wanted_mode text,
    statement text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_execute_locking$
-- While a statement waits for a lock on a busy table, all later statements wait behind it. So each attempt waits only
-- for a short time, and lets the others pass before the next one.
-- The statement is built by ghostwatch from catalog names: @plpgsql_check_options: security_warnings = false
DECLARE
    attempts constant integer := ghostwatch._setting('lock_attempts')::integer;
    timeout_of_caller constant text := current_setting('lock_timeout');
    timeout constant interval := least(ghostwatch._setting('lock_timeout')::interval, nullif(timeout_of_caller, '0')::interval);
    pause interval := '100 milliseconds'::interval;
    holders text;
BEGIN
    FOR attempt IN 1..attempts LOOP
        BEGIN
            PERFORM set_config('lock_timeout', ceil(extract(epoch FROM timeout) * 1000) || 'ms', true);
            EXECUTE statement;
            PERFORM set_config('lock_timeout', timeout_of_caller, true);
            RETURN;
        EXCEPTION
            WHEN lock_not_available THEN
                holders := coalesce(
                    ghostwatch._lock_holders(ARRAY[relation], wanted_mode),
                    'a session that this role cannot see'
                );
        END;

        EXIT WHEN attempt = attempts;
        RAISE NOTICE 'waiting for a lock on %: %', relation, holders;
        PERFORM pg_sleep(extract(epoch FROM pause));
        pause := least(pause * 2, '5 seconds'::interval);
    END LOOP;

    RAISE EXCEPTION '% could not be locked: it is in use by %', relation, holders
    USING
        ERRCODE = 'GW075',
        DETAIL = format('Tried %s times, for %s each. The statement is: %s', attempts, timeout, statement),
        HINT = 'Try again when these transactions have ended, or allow more attempts: SELECT ghostwatch.set_setting(''lock_attempts'', ''20'');';
END
$_execute_locking$;

COMMENT ON FUNCTION ghostwatch._execute_locking(regclass, text, text) IS
'Executes a statement that locks a table of an application: with a short lock_timeout, again after growing pauses, naming the sessions waited for.
Raises GW075 (the table stays locked).';
