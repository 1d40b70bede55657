CREATE FUNCTION ghostwatch._repair_call(
    contract_id integer,
    invariant text,
    repair text
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_repair_call$
-- Asked when a repair is declared and again before it runs: meanwhile the function may have been replaced. A function of
-- another role is refused, since it would run with the rights of the contract's owner. Each argument is cast, so that no
-- other function of the name is meant.
-- The path is the contract's, and the signature is only looked up: @plpgsql_check_options: security_warnings = false
DECLARE
    its_contract ghostwatch.contract;
    its_function pg_proc;
    problem text;
BEGIN
    SELECT c.* INTO STRICT its_contract FROM ghostwatch.contract AS c WHERE c.contract_id = _repair_call.contract_id;

    PERFORM ghostwatch._enter_search_path(its_contract.search_path);
    BEGIN
        SELECT p.* INTO its_function FROM pg_catalog.pg_proc AS p WHERE p.oid OPERATOR(pg_catalog.=) pg_catalog.to_regprocedure(repair);
    EXCEPTION WHEN OTHERS THEN
        problem := SQLERRM;
    END;
    PERFORM ghostwatch._leave_search_path();

    problem := CASE
        WHEN problem IS NOT NULL THEN problem
        WHEN its_function IS NULL THEN 'There is no such function; the types of its arguments belong to its name.'
        WHEN its_function.prokind <> 'f' THEN 'It is no function: a repair takes part in the transaction in which its result is judged.'
        WHEN its_function.proowner <> its_contract.owner
            THEN format('It belongs to role %s, the contract to role %s.', its_function.proowner::regrole, its_contract.owner)
        WHEN its_function.pronargs <> cardinality(its_contract.key_column)
            THEN format(
                'It takes %s, and the key is %s.',
                ghostwatch._pluralize(its_function.pronargs, 'argument'), ghostwatch._column_names(its_contract.key_column)
            )
    END;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '% is no repair for invariant %', coalesce(quote_literal(repair), 'NULL'), quote_literal(invariant)
            USING ERRCODE = 'GW066',
                  DETAIL = problem,
                  HINT = format(
                      'As role %s: CREATE FUNCTION app.restore(%s) ...; SELECT ghostwatch.declare_invariant(%L, %L, repair => ''app.restore(%2$s)'')',
                      its_contract.owner,
                      (
                          SELECT string_agg(ghostwatch._column_type(its_contract.subject, k.name), ', ' ORDER BY k.place)
                          FROM unnest(its_contract.key_column) WITH ORDINALITY AS k (name, place)
                      ),
                      its_contract.name, invariant
                  );
    END IF;

    RETURN (
        SELECT format(
            '%s.%I(%s)',
            its_function.pronamespace::regnamespace, its_function.proname,
            string_agg(format('s.%I::%s', k.name, format_type(its_function.proargtypes[k.place - 1], NULL)), ', ' ORDER BY k.place)
        )
        FROM unnest(its_contract.key_column) WITH ORDINALITY AS k (name, place)
    );
END
$_repair_call$;

COMMENT ON FUNCTION ghostwatch._repair_call(integer, text, text) IS
'The call of a declared repair for a subject s, as SQL. Raises GW066 (no function, not the owner''s, or not one that takes the key).';
