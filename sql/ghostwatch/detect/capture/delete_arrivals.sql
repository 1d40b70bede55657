CREATE FUNCTION ghostwatch._delete_arrivals(
    contract_id integer
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
-- A definer: whoever may delete from a table may lock it, and signups write this one.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_delete_arrivals$
    -- Where the trigger is in place, arrivals are needed, whoever asks.
    DELETE FROM ghostwatch.arrival AS a
    WHERE a.contract_id = _delete_arrivals.contract_id
        AND ghostwatch._contract_trigger_schema(
            _delete_arrivals.contract_id,
            ghostwatch._capture_name(_delete_arrivals.contract_id)
        ) IS NULL
$_delete_arrivals$;

COMMENT ON FUNCTION ghostwatch._delete_arrivals(integer) IS
'Deletes the arrivals of a contract whose capture trigger is gone.';
