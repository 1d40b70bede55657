CREATE FUNCTION ghostwatch._fixed_length(
    duration interval
)
RETURNS interval
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
-- A day is 24 hours here, whatever the session's time zone does that night.
RETURN pg_catalog.make_interval(secs => extract(EPOCH FROM duration)::double precision);

COMMENT ON FUNCTION ghostwatch._fixed_length(interval) IS
'The same duration without days and months, so that adding it to a moment does not depend on a time zone.';
