CREATE FUNCTION ghostwatch.grant_operator(
    role name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $grant_operator$
-- Privileges and names come from the catalog: @plpgsql_check_options: security_warnings = false
DECLARE
    relation record;
    routine  regprocedure;
BEGIN
    PERFORM ghostwatch._require_grantable(grant_operator.role);
    PERFORM ghostwatch._note_grant(grant_operator.role, 'operator');

    EXECUTE format('GRANT USAGE ON SCHEMA ghostwatch TO %I', grant_operator.role);

    -- Reading is bound by row level security, and changing by the functions that ask whose it is. What the trigger of a
    -- contract writes, it writes as the contract's owner; and a role makes itself a secret. By columns: a privilege to
    -- write a whole table is one to lock it, and nobody's signup waits.
    FOR relation IN
        SELECT
            c.oid::regclass AS name,
            CASE
                WHEN c.relname IN ('arrival', 'capture_failure') THEN format('SELECT, INSERT (%s)', k.columns)
                WHEN c.relname = 'role_secret' THEN 'SELECT, INSERT (made_at)'
                ELSE 'SELECT'
            END AS privileges
        FROM pg_class AS c
        CROSS JOIN LATERAL (
            SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
            FROM pg_attribute AS a
            WHERE a.attrelid = c.oid
                AND a.attnum > 0
                AND NOT a.attisdropped
        ) AS k
        WHERE c.relnamespace = 'ghostwatch'::regnamespace
            AND c.relkind IN ('r', 'v')
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %I', relation.name, grant_operator.role);
        EXECUTE format('GRANT %s ON %s TO %I', relation.privileges, relation.name, grant_operator.role);
    END LOOP;

    -- Delivering is the sidecar's, looking at every contract is a viewer's, and granting is the installer's.
    FOR routine IN
        SELECT p.oid::regprocedure
        FROM pg_proc AS p
        WHERE p.pronamespace = 'ghostwatch'::regnamespace
            AND p.proname NOT IN ('grant_sidecar', 'grant_operator', 'grant_viewer', 'enable_test_clock', 'disable_test_clock')
            AND p.oid NOT IN (SELECT f FROM ghostwatch._sidecar_functions() AS f)
            AND p.oid NOT IN (SELECT f FROM ghostwatch._viewer_functions() AS f)
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', routine, grant_operator.role);
    END LOOP;
END
$grant_operator$;

COMMENT ON FUNCTION ghostwatch.grant_operator(name) IS
'Lets a role declare contracts of its own, run their checks, look after alerts and change settings. It reads what '
'concerns its own contracts, and changes that through functions only. An upgrade calls this again for each such role. '
'Raises GW057 where there is no such role, GW058 where this session cannot grant.';
