CREATE FUNCTION ghostwatch._capture_name(
    contract_id integer
)
RETURNS name
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN format('ghostwatch_capture_%s', contract_id)::name;

COMMENT ON FUNCTION ghostwatch._capture_name(integer) IS
'What the trigger that notes a contract''s arrivals, and the function of that trigger, are called.';
