CREATE FUNCTION ghostwatch._enforcement_name(
    contract_id integer
)
RETURNS name
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- By number, since a contract's name may be longer than a name in Postgres.
    SELECT format('ghostwatch_enforce_%s', _enforcement_name.contract_id)::name;
END;

COMMENT ON FUNCTION ghostwatch._enforcement_name(integer) IS
'What the trigger that enforces a contract, and the function of that trigger, are called.';
