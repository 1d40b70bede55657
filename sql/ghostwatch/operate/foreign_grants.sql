CREATE FUNCTION ghostwatch._foreign_grants(
    schema_name name
)
RETURNS TABLE (
    object text,
    grantee oid,
    grantee_name text,
    privileges text,
    revoke_statement text
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_foreign_grants$
    -- Includes the trigger functions that stand beside the tables of contracts: they run with the rights of their owners.
    WITH object AS (
        SELECT
            'SCHEMA' AS kind,
            format('%I', n.nspname) AS name,
            n.nspowner AS owner,
            coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl
        FROM pg_namespace AS n
        WHERE n.nspname = _foreign_grants.schema_name
        UNION ALL
        SELECT
            CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
            format('%I.%I', _foreign_grants.schema_name, c.relname),
            c.relowner,
            coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))
        FROM pg_class AS c
        INNER JOIN pg_namespace AS n
            ON n.oid = c.relnamespace
        WHERE n.nspname = _foreign_grants.schema_name
            AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        UNION ALL
        SELECT
            'ROUTINE',
            p.oid::regprocedure::text,
            p.proowner,
            coalesce(p.proacl, acldefault('f', p.proowner))
        FROM pg_proc AS p
        INNER JOIN pg_namespace AS n
            ON n.oid = p.pronamespace
        WHERE n.nspname = _foreign_grants.schema_name
            OR (
                _foreign_grants.schema_name = 'ghostwatch'
                AND p.prorettype = 'trigger'::regtype
                AND p.proname ~ '^ghostwatch_(capture|enforce)_[0-9]+$'
            )
    )
    SELECT
        lower(o.kind) || ' ' || o.name,
        a.grantee,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
        string_agg(DISTINCT a.privilege_type, ', '),
        format(
            'REVOKE ALL ON %s %s FROM %s CASCADE;',
            o.kind,
            o.name,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
        )
    FROM object AS o
    CROSS JOIN aclexplode(o.acl) AS a
    WHERE a.grantee <> o.owner
        AND NOT EXISTS (
            SELECT
            FROM ghostwatch.granted_role AS g
            WHERE g.role = a.grantee
        )
    GROUP BY o.kind, o.name, a.grantee
$_foreign_grants$;

COMMENT ON FUNCTION ghostwatch._foreign_grants(name) IS
'Every grantee on the objects of a schema of ghostwatch, and on its trigger functions, that ghostwatch did not grant, with the statement that revokes it.';
