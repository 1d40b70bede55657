CREATE FUNCTION ghostwatch._clock_changes(
    moment timestamptz,
    margin interval,
    time_zone text
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN ((moment + margin) AT TIME ZONE time_zone) - ((moment - margin) AT TIME ZONE time_zone) <> margin * 2;

COMMENT ON FUNCTION ghostwatch._clock_changes(timestamptz, interval, text) IS
'True if the wall clock of the time zone is set back or forward within the margin around the moment.';
