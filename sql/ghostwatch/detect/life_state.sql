CREATE FUNCTION ghostwatch._life_state(
    exempt boolean,
    age interval,
    error_after interval,
    watch_for interval
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN age > watch_for THEN 'expired'
    WHEN exempt THEN 'exempt'
    WHEN age > error_after THEN 'error'
    ELSE 'warn'
END;

COMMENT ON FUNCTION ghostwatch._life_state(boolean, interval, interval, interval) IS
'The state of a subject that lacks its row, by its age: warn up to and including error_after, error up to and including watch_for, then expired.';
