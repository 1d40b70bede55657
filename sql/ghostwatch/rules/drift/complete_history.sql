CREATE FUNCTION ghostwatch._complete_history(
    invariant_id integer,
    begins_at timestamptz
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_complete_history$
    -- Only once, as it costs a look at every subject of that time.
    UPDATE ghostwatch.drift_history AS h
    SET begins_at = _complete_history.begins_at, is_complete = true
    WHERE h.invariant_id = _complete_history.invariant_id
$_complete_history$;

COMMENT ON FUNCTION ghostwatch._complete_history(integer, timestamptz) IS
'Says that the counts of an invariant now reach back to a moment.';
