CREATE FUNCTION ghostwatch._write_contract_function(
    contract_id integer,
    function_schema name,
    function_name name,
    options text,
    body text,
    description text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_write_contract_function$
-- CREATE OR REPLACE keeps the owner and the grants of a function that somebody else put there, and default
-- privileges add grants of their own. So a function is replaced only where it is the contract's own, and
-- afterwards nobody but its owner may execute it.
-- The statements are built from catalog names: @plpgsql_check_options: security_warnings = false
DECLARE
    its_owner constant regrole := (SELECT c.owner FROM ghostwatch.contract AS c WHERE c.contract_id = _write_contract_function.contract_id);
    signature constant text := format('%I.%I()', function_schema, function_name);
    present pg_proc;
    grantee text;
BEGIN
    SELECT p.*
    INTO present
    FROM pg_proc AS p
    WHERE p.pronamespace = quote_ident(function_schema)::regnamespace
        AND p.proname = function_name
        AND p.pronargs = 0;

    IF present.oid IS NOT NULL THEN
        IF present.proowner <> its_owner THEN
            RAISE EXCEPTION 'function % belongs to role %, not to %', signature, present.proowner::regrole, its_owner
            USING
                ERRCODE = 'GW076',
                DETAIL = 'ghostwatch does not replace a function of another role: its grants would remain.',
                HINT = format(
                    'If it came with a dump: ALTER FUNCTION %1$s OWNER TO %2$s; otherwise: DROP FUNCTION %1$s CASCADE; then declare again.',
                    signature, its_owner
                );
        END IF;

        IF NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgfoid = present.oid) THEN
            EXECUTE format('DROP FUNCTION %s', signature);
        END IF;
    END IF;

    EXECUTE format(
        'CREATE OR REPLACE FUNCTION %s RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER %s AS %L',
        signature, options, body
    );
    EXECUTE format('ALTER FUNCTION %s OWNER TO %s', signature, its_owner);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC CASCADE', signature);
    FOR grantee IN
        SELECT DISTINCT a.grantee::regrole::text
        FROM pg_proc AS p
        CROSS JOIN LATERAL aclexplode(p.proacl) AS a
        WHERE p.oid = signature::regprocedure
            AND a.grantee NOT IN (0, p.proowner)
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s CASCADE', signature, grantee);
    END LOOP;
    EXECUTE format('COMMENT ON FUNCTION %s IS %L', signature, description);
END
$_write_contract_function$;

COMMENT ON FUNCTION ghostwatch._write_contract_function(integer, name, name, text, text, text) IS
'Writes the function of a trigger that serves a contract: owned by the contract''s owner, executable by nobody else.
Raises GW076 (a function of that name belongs to another role).';
