CREATE FUNCTION ghostwatch._clock()
RETURNS timestamptz
LANGUAGE sql
VOLATILE
PARALLEL SAFE
-- No session can set it: a session that could move the time could mute a chat or escape a check.
-- Parsed when it is created, since it may be called under any search path; a SET clause would cost more than the rest.
RETURN clock_timestamp();

COMMENT ON FUNCTION ghostwatch._clock() IS
'The present time. ghostwatch reads it nowhere else.';
