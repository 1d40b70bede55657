CREATE FUNCTION ghostwatch._write_enforcement_function(
    contract_id integer,
    function_schema name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_write_enforcement_function$
-- Writes the trigger function that enforces a contract.
-- It belongs to the contract's owner and is a definer: in anybody's transaction the declared expressions run with
-- the rights of who declared them and no others. It stands as plain SQL, so that a session plans it once:
-- a complete subject costs one query of index look-ups, and only an incomplete one is judged in full.
-- A contract that cannot be judged, say because a table was renamed, must not keep users from signing up:
-- it warns, and the next check run reports the same error as an alert.
DECLARE
    enforced ghostwatch.contract;
    function_name constant name := ghostwatch._enforcement_name(contract_id);
    conditions text;
BEGIN
    SELECT c.* INTO enforced FROM ghostwatch.contract AS c WHERE c.contract_id = _write_enforcement_function.contract_id;

    -- The table is gone, and the trigger with it; what is left of the contract can still be changed and dropped.
    IF NOT EXISTS (SELECT FROM pg_class AS r WHERE r.oid = enforced.subject) THEN
        RETURN;
    END IF;

    -- Not as EXISTS, which Postgres may answer by hashing a whole table.
    SELECT string_agg(format('(%s) IS NOT TRUE', ghostwatch._related_query(c)), E'\nOR ' ORDER BY c.invariant_id)
    INTO conditions
    FROM ghostwatch._enforced_clauses(enforced.contract_id) AS c
    -- A clause that asks for any row of a table holds where one that asks for a certain row of it does.
    WHERE
        NOT (
            c.predicate IS NULL
            AND EXISTS (
                SELECT FROM ghostwatch._enforced_clauses(enforced.contract_id) AS stricter
                WHERE stricter.related = c.related
                    AND stricter.related_key_column = c.related_key_column
                    AND stricter.predicate IS NOT NULL
            )
        );

    PERFORM set_config('search_path', enforced.search_path, true);
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION %I.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER '
        'SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS %L',
        function_schema,
        function_name,
        format(
            $body$
-- Written by ghostwatch.enforce() for contract %4$s; written anew whenever that changes.
#variable_conflict use_column
BEGIN
    IF EXISTS (
        SELECT FROM %1$s AS s
        WHERE s.%2$I = NEW.%2$I
            AND (%3$s)
    ) THEN
        PERFORM ghostwatch._judge_at_commit(%4$s, NEW.%2$I::text);
    END IF;
    RETURN NULL;
EXCEPTION
    WHEN syntax_error_or_access_rule_violation OR data_exception THEN
        RAISE WARNING 'contract %% could not be enforced: %%', %5$L, SQLERRM USING ERRCODE = SQLSTATE;
        RETURN NULL;
END
$body$,
            enforced.subject,
            enforced.key_column,
            coalesce(conditions, 'false'),
            enforced.contract_id,
            enforced.name
        )
    );
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);

    -- Whoever declares the contract again, its clauses run with the rights of its owner.
    EXECUTE format('ALTER FUNCTION %I.%I() OWNER TO %s', function_schema, function_name, enforced.owner);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %I.%I() FROM public', function_schema, function_name);
END
$_write_enforcement_function$;

COMMENT ON FUNCTION ghostwatch._write_enforcement_function(integer, name) IS
'Writes the trigger function that enforces a contract, owned by the contract''s owner.';
