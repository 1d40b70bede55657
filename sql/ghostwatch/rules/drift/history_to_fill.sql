CREATE FUNCTION ghostwatch._history_to_fill(
    invariant_id integer
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_history_to_fill$
    -- A check that has read them says so in the same row.
    SELECT h.begins_at
    FROM ghostwatch.drift_history AS h
    WHERE h.invariant_id = _history_to_fill.invariant_id AND NOT h.is_complete
$_history_to_fill$;

COMMENT ON FUNCTION ghostwatch._history_to_fill(integer) IS
'Before when the counts of an invariant are still to be read from the application''s own rows; NULL where they were, or must not be.';
