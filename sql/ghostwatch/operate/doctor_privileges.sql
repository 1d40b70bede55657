CREATE FUNCTION ghostwatch._doctor_privileges()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_privileges$
-- Reads the catalogs only, so that it runs nobody's code and waits for nobody's lock.
DECLARE
    finding ghostwatch._finding;
    is_well boolean := true;
BEGIN
    FOR finding IN
        SELECT
            'privileges',
            'error',
            'A test clock is enabled: every session may set the time that ghostwatch reads.',
            'SELECT ghostwatch.disable_test_clock();'
        WHERE ghostwatch._test_clock_is_enabled()
        UNION ALL
        -- Whoever owns a contract must reach ghostwatch; after a restore by another role it does not.
        SELECT
            'privileges',
            'error',
            format('Role %s owns contracts and has no privileges on ghostwatch: nothing checks them.', c.owner),
            format('SELECT ghostwatch.grant_operator(%L);', pg_get_userbyid(c.owner))
        FROM (SELECT DISTINCT contract.owner FROM ghostwatch.contract) AS c
        WHERE NOT has_schema_privilege(c.owner, 'ghostwatch', 'USAGE')
        UNION ALL
        SELECT
            'privileges',
            CASE f.grantee WHEN 0 THEN 'error' ELSE 'warning' END,
            format(
                '%s has privileges that ghostwatch did not grant, on %s.',
                f.grantee_name,
                CASE
                    WHEN count(*) > 3 THEN format('%s and %s other objects', min(f.object), count(*) - 1)
                    ELSE string_agg(f.object, ', ' ORDER BY f.object)
                END
            ),
            string_agg(DISTINCT f.revoke_statement, ' ' ORDER BY f.revoke_statement)
        FROM (
            SELECT * FROM ghostwatch._foreign_grants('ghostwatch')
            UNION ALL
            SELECT * FROM ghostwatch._foreign_grants('onboarding')
        ) AS f
        GROUP BY f.grantee, f.grantee_name
        UNION ALL
        -- Functions that ghostwatch creates later would be open to these roles for a moment, and others for good.
        SELECT DISTINCT
            'privileges',
            'warning',
            format(
                'Default privileges of %I give %s %s on new %s%s.',
                pg_get_userbyid(d.defaclrole),
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                a.privilege_type,
                kind.name,
                coalesce(' in schema ' || quote_ident(n.nspname), '')
            ),
            format(
                'ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE %s ON %s FROM %s;',
                pg_get_userbyid(d.defaclrole),
                coalesce(' IN SCHEMA ' || quote_ident(n.nspname), ''),
                a.privilege_type,
                kind.name,
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
            )
        FROM pg_default_acl AS d
        LEFT JOIN pg_namespace AS n
            ON n.oid = d.defaclnamespace
        INNER JOIN (
            VALUES ('r'::"char", 'TABLES'), ('S', 'SEQUENCES'), ('f', 'ROUTINES')
        ) AS kind (type, name)
            ON kind.type = d.defaclobjtype
        CROSS JOIN aclexplode(d.defaclacl) AS a
        WHERE a.grantee <> d.defaclrole
            -- PUBLIC may execute new functions anyway, unless somebody says otherwise.
            AND NOT (d.defaclobjtype = 'f' AND a.grantee = 0)
            AND (
                d.defaclrole = (SELECT s.nspowner FROM pg_namespace AS s WHERE s.nspname = 'ghostwatch')
                OR d.defaclrole IN (SELECT c.owner FROM ghostwatch.contract AS c)
            )
        UNION ALL
        -- The owner of a table can run code as whoever reads it: policies, views, index expressions, triggers.
        SELECT
            'privileges',
            'warning',
            format(
                'Superuser %s owns contract %L and reads %s, which belongs to %s: that role can run code as superuser.',
                c.owner,
                c.name,
                string_agg(DISTINCT t.relation::text, ', '),
                string_agg(DISTINCT quote_ident(pg_get_userbyid(r.relowner)), ', ')
            ),
            format(
                'Drop it and declare it as a role without superuser: SELECT ghostwatch.drop_contract(%L); SET ROLE ghostwatch_owner;',
                c.name
            )
        FROM ghostwatch.contract AS c
        INNER JOIN pg_roles AS o
            ON o.oid = c.owner
            AND o.rolsuper
        CROSS JOIN LATERAL (
            SELECT c.subject
            UNION
            SELECT i.related FROM ghostwatch.invariant AS i WHERE i.contract_id = c.contract_id
        ) AS t (relation)
        INNER JOIN pg_class AS r
            ON r.oid = t.relation
        INNER JOIN pg_roles AS table_owner
            ON table_owner.oid = r.relowner
            AND NOT table_owner.rolsuper
        GROUP BY c.contract_id, c.owner, c.name
        UNION ALL
        SELECT
            'privileges',
            'warning',
            format(
                'Superuser %I owns %s and writes %s, which belongs to %s: that role can run code as superuser.',
                o.rolname,
                string_agg(DISTINCT p.oid::regprocedure::text, ', '),
                string_agg(DISTINCT r.oid::regclass::text, ', '),
                string_agg(DISTINCT quote_ident(table_owner.rolname), ', ')
            ),
            'ALTER FUNCTION ' || min(p.oid::regprocedure::text) || ' OWNER TO ghostwatch_owner; -- a role without superuser'
        FROM pg_proc AS p
        INNER JOIN pg_namespace AS n
            ON n.oid = p.pronamespace
            AND n.nspname = 'onboarding'
        INNER JOIN pg_roles AS o
            ON o.oid = p.proowner
            AND o.rolsuper
        INNER JOIN ghostwatch.contract AS c
            ON c.name = 'onboarding'
        LEFT JOIN ghostwatch.invariant AS i
            ON i.contract_id = c.contract_id
        INNER JOIN pg_class AS r
            ON r.oid IN (c.subject, i.related)
        INNER JOIN pg_roles AS table_owner
            ON table_owner.oid = r.relowner
            AND NOT table_owner.rolsuper
        WHERE p.prosecdef
        GROUP BY o.rolname
        UNION ALL
        -- Names in expressions, and operators above all, are looked up there.
        SELECT
            'privileges',
            'warning',
            format('Everybody may create objects in schema %I, which the expressions of contract %L look up names in.', n.nspname, c.name),
            format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC;', n.nspname)
        FROM ghostwatch.contract AS c
        INNER JOIN pg_namespace AS n
            ON quote_ident(n.nspname) = ANY (string_to_array(c.search_path, ', '))
        CROSS JOIN aclexplode(n.nspacl) AS a
        WHERE a.grantee = 0
            AND a.privilege_type = 'CREATE'
            AND n.nspname <> 'pg_catalog'
        UNION ALL
        SELECT
            'privileges',
            'error',
            format('Trigger %I runs a function of ghostwatch on %s, which is the table of no contract.', t.tgname, t.tgrelid::regclass),
            format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass)
        FROM pg_trigger AS t
        INNER JOIN pg_proc AS p
            ON p.oid = t.tgfoid
            AND p.proname ~ '^ghostwatch_(capture|enforce)_[0-9]+$'
        WHERE NOT ghostwatch._is_subject(substring(p.proname FROM '[0-9]+$')::integer, t.tgrelid)
    LOOP
        is_well := false;
        RETURN NEXT finding;
    END LOOP;

    -- A job of a superuser runs the expressions and tables of the contracts that it owns.
    IF (SELECT c.here FROM ghostwatch._cron() AS c) AND has_schema_privilege('cron', 'USAGE') THEN
        FOR finding IN
            SELECT
                'privileges',
                'warning',
                format('Job %s runs the checks as superuser %I, while other roles own tables that it reads.', j.jobid, j.username),
                'SELECT ghostwatch.unschedule(); SET ROLE ghostwatch_owner; SELECT ghostwatch.schedule(); -- a role without superuser'
            FROM cron.job AS j
            INNER JOIN pg_roles AS o
                ON o.rolname = j.username
                AND o.rolsuper
            WHERE j.database = current_database()
                AND j.command ILIKE '%ghostwatch.run_checks%'
                AND EXISTS (
                    SELECT
                    FROM ghostwatch._clause AS c
                    INNER JOIN pg_class AS r
                        ON r.oid IN (c.subject, c.related)
                    INNER JOIN pg_roles AS table_owner
                        ON table_owner.oid = r.relowner
                        AND NOT table_owner.rolsuper
                    WHERE c.owner = o.oid
                )
        LOOP
            is_well := false;
            RETURN NEXT finding;
        END LOOP;
    END IF;

    IF is_well THEN
        RETURN QUERY
        SELECT 'privileges', 'ok', 'Nobody has a privilege through ghostwatch that was not granted by it.', NULL::text;
    END IF;
END
$_doctor_privileges$;

COMMENT ON FUNCTION ghostwatch._doctor_privileges() IS
'The doctor on privileges: grantees that ghostwatch did not grant, default privileges, superusers who own contracts, jobs or start(), '
'schemas open to everybody, triggers on tables of others, and the test clock.';
