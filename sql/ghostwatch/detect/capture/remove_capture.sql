CREATE FUNCTION ghostwatch._remove_capture(
    contract_id integer
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_remove_capture$
BEGIN
    PERFORM ghostwatch._remove_contract_trigger(contract_id, ghostwatch._capture_name(contract_id));
    PERFORM ghostwatch._delete_arrivals(contract_id);
END
$_remove_capture$;

COMMENT ON FUNCTION ghostwatch._remove_capture(integer) IS
'Removes the trigger that notes a contract''s arrivals, if there is one, and what it recorded.';
