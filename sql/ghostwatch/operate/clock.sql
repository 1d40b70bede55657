CREATE FUNCTION ghostwatch._clock()
RETURNS timestamptz
LANGUAGE sql
VOLATILE
PARALLEL SAFE
-- Parsed here and now: it may be asked under anybody's search path, and a SET clause would cost more than the rest.
RETURN coalesce(nullif(current_setting('ghostwatch.clock', true), '')::timestamptz, clock_timestamp());

COMMENT ON FUNCTION ghostwatch._clock() IS
'The present time, the only place where ghostwatch reads it, or the setting ghostwatch.clock where it is set (tests).';
