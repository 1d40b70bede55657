CREATE FUNCTION ghostwatch._clock()
RETURNS timestamptz
LANGUAGE sql
VOLATILE
PARALLEL SAFE
AS $_clock$
    -- The present time, the only place where ghostwatch reads it.
    -- Returns the setting ghostwatch.clock where a test has set it, else the machine's time.
    SELECT coalesce(
        nullif(current_setting('ghostwatch.clock', true), '')::timestamptz,
        clock_timestamp()
    );
$_clock$;

COMMENT ON FUNCTION ghostwatch._clock() IS
'The present time, or the setting ghostwatch.clock where it is set (tests).';
