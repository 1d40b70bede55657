-- The frame of every upgrade, and of every undo, which is one in the other direction. scripts/upgrade.py fills in what
-- stands between at signs; the extension and the plain kind differ in the constant _kind alone.
-- It is one statement, hence one transaction: when it fails, the version before it goes on working.
-- The record of the installation is locked first. Check runs under way end there, and nothing else has been locked
-- while the upgrade waits for them.
-- Raises GW903, GW905, GW906, GW907, GW908 and GW909.
DO $upgrade$
DECLARE
    _kind CONSTANT pg_catalog.text := '@kind@';
    _schema CONSTANT pg_catalog.name := '@schema@';
    _search_path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
    _lock_timeout CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
    _messages CONSTANT pg_catalog.text := pg_catalog.current_setting('client_min_messages');
    -- What the version before consists of besides its tables; everything else belongs to somebody else.
    _own_names CONSTANT pg_catalog.text[] := '@own_names@';
    -- What cannot be replaced in place: it is gone, or returns or takes something else.
    _obsolete_routines CONSTANT pg_catalog.text[] := @obsolete_routines@;
    _obsolete_relations CONSTANT pg_catalog.text[] := @obsolete_relations@;
    _removed_tables CONSTANT pg_catalog.text[] := @removed_tables@;
    _owner pg_catalog.name;
    _installed record;
    _losses pg_catalog.text[] := '{}';
    _dependents pg_catalog.text[];
    _grants pg_catalog.text[];
    _granted_objects pg_catalog.text[];
    _item record;
BEGIN
SET LOCAL search_path = pg_catalog, pg_temp;
-- What DROP ... CASCADE takes along is made again below.
SET LOCAL client_min_messages = warning;
IF _lock_timeout = '0' THEN
    SET LOCAL lock_timeout = '5s';
END IF;

\ir owner_check.psql

LOCK TABLE @schema@.installation IN ACCESS EXCLUSIVE MODE;
SELECT i.version, i.kind INTO _installed FROM @schema@.installation AS i;

IF _installed.version IS DISTINCT FROM '@from@' OR _installed.kind IS DISTINCT FROM _kind THEN
    RAISE EXCEPTION '@extension@ is installed as version % (%), and this script changes version @from@ (%)', _installed.version, _installed.kind, _kind
        USING ERRCODE = 'GW906',
              DETAIL  = 'Nothing was changed.',
              HINT    = CASE _installed.kind
                            WHEN 'extension' THEN 'ALTER EXTENSION @extension@ UPDATE;'
                            ELSE 'Run the scripts in their order, each once: ghostwatch migrate does so.'
                        END;
END IF;

-- The contract of the bot never runs on a ghostwatch that is older than it is.
IF _schema = 'onboarding' THEN
    SELECT i.version INTO _installed FROM ghostwatch.installation AS i;
    IF _installed.version <> '@newer@' THEN
        RAISE EXCEPTION 'ghostwatch is of version %, but ghostwatch_onboarding needs @newer@ for this', _installed.version
            USING ERRCODE = 'GW907',
                  DETAIL  = 'ghostwatch is upgraded before ghostwatch_onboarding, and undone after it.',
                  HINT    = 'Upgrade ghostwatch first.';
    END IF;
ELSIF '@from@' = '@newer@' AND to_regclass('onboarding.installation') IS NOT NULL THEN
    SELECT i.version INTO _installed FROM onboarding.installation AS i;
    IF _installed.version = '@from@' THEN
        RAISE EXCEPTION 'ghostwatch_onboarding is still of version @from@'
            USING ERRCODE = 'GW907',
                  DETAIL  = 'ghostwatch is upgraded before ghostwatch_onboarding, and undone after it.',
                  HINT    = 'Undo ghostwatch_onboarding first.';
    END IF;
END IF;

@losses@
IF _losses <> '{}' THEN
    RAISE EXCEPTION 'going back to @extension@ @to@ would lose data'
        USING ERRCODE = 'GW908',
              DETAIL  = array_to_string(_losses, E'\n'),
              HINT    = 'Remove what stands there, then run this again.';
END IF;

-- Grants by the owner's own hand come back after everything was made again.
SELECT
    coalesce(array_agg(format('GRANT %s ON %s TO %s', f.privileges, f.object, f.grantee_name)), '{}'),
    coalesce(array_agg(f.object || ' ' || f.grantee), '{}')
INTO _grants, _granted_objects
FROM ghostwatch._foreign_grants(_schema) AS f;

-- Whatever depends on what is dropped is dropped too, and made again below; unless it belongs to somebody else.
WITH RECURSIVE edge (refclassid, refobjid, classid, objid, objsubid) AS (
    SELECT d.refclassid, d.refobjid, d.classid, d.objid, d.objsubid
    FROM pg_depend AS d
    WHERE d.deptype IN ('n', 'a', 'i')
    UNION ALL
    SELECT 'pg_rewrite'::regclass, r.oid, 'pg_class'::regclass, r.ev_class, 0
    FROM pg_rewrite AS r
),
doomed (classid, objid, objsubid) AS (
    SELECT 'pg_proc'::regclass::oid, to_regprocedure(o.name)::oid, 0
    FROM unnest(_obsolete_routines) AS o (name)
    WHERE to_regprocedure(o.name) IS NOT NULL
    UNION
    SELECT 'pg_class'::regclass, to_regclass(o.name), 0
    FROM unnest(_obsolete_relations) AS o (name)
    WHERE to_regclass(o.name) IS NOT NULL
    UNION
    SELECT 'pg_type'::regclass, to_regtype(o.name), 0
    FROM unnest(_obsolete_relations) AS o (name)
    WHERE to_regtype(o.name) IS NOT NULL
    UNION
    SELECT e.classid, e.objid, e.objsubid
    FROM doomed AS d
    INNER JOIN edge AS e ON e.refclassid = d.classid AND e.refobjid = d.objid
    WHERE d.objsubid = 0
)
SELECT array_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid))
INTO _dependents
FROM doomed AS d
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS i
LEFT JOIN pg_type AS t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
LEFT JOIN pg_trigger AS g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
LEFT JOIN pg_class AS r ON r.oid = g.tgrelid
-- A view stands for its rule. Triggers on tables of our own are made again; on an application's table, none is touched.
WHERE d.classid <> 'pg_rewrite'::regclass
    AND (r.relnamespace IS NULL OR r.relnamespace <> quote_ident(_schema)::regnamespace)
    -- Types of rows and arrays go with what they are types of.
    AND coalesce(t.typrelid = 0 AND t.typelem = 0, true)
    AND NOT (
        i.schema IS NOT DISTINCT FROM _schema
        AND split_part(i.identity, '(', 1) = ANY (_own_names)
    );

IF _dependents IS NOT NULL THEN
    RAISE EXCEPTION 'other objects depend on what version @to@ of @extension@ changes'
        USING ERRCODE = 'GW909',
              DETAIL  = array_to_string(_dependents, E'\n'),
              HINT    = 'Drop them, run this again, and create them for version @to@.';
END IF;

@drops@

-- What an extension loses is not to be dumped any more either; a DROP alone would leave it in the list.
IF _kind = 'extension' THEN
    FOR _item IN
        SELECT format('ALTER EXTENSION @extension@ DROP %s %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass) AS statement
        FROM pg_class AS c
        WHERE c.oid IN (
            SELECT t.name::regclass FROM unnest(_removed_tables) AS t (name)
            UNION ALL
            SELECT d.objid
            FROM unnest(_removed_tables) AS t (name)
            INNER JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.name::regclass AND d.classid = 'pg_class'::regclass
            INNER JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
        )
        ORDER BY c.relkind DESC
    LOOP
        EXECUTE _item.statement;
    END LOOP;
END IF;

-- Changes of state, one by one.
@steps@

-- Everything but the tables, as version @to@ has it.
@redeployed@

-- Default privileges of the owner may have let others in on what is new.
FOR _item IN
    SELECT DISTINCT f.revoke_statement
    FROM ghostwatch._foreign_grants(_schema) AS f
    WHERE f.object || ' ' || f.grantee <> ALL (_granted_objects)
LOOP
    EXECUTE _item.revoke_statement;
END LOOP;

-- The roles that ghostwatch granted privileges to get what such a role has in this version, unless they were locked out.
FOR _item IN
    SELECT r.rolname AS role, array_agg(g.kind) AS kinds
    FROM ghostwatch.granted_role AS g
    INNER JOIN pg_roles AS r ON r.oid = g.role
    WHERE g.kind = ANY (CASE _schema WHEN 'onboarding' THEN '{app}' ELSE '{operator,sidecar,viewer}' END::text[])
        AND has_schema_privilege(r.oid, _schema, 'USAGE')
    GROUP BY r.rolname
LOOP
    _grants := _grants
        || format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', _schema, _item.role)
        || format('REVOKE ALL ON ALL ROUTINES IN SCHEMA %I FROM %I', _schema, _item.role)
        || CASE WHEN 'operator' = ANY (_item.kinds) THEN ARRAY[format('SELECT ghostwatch.grant_operator(%L)', _item.role)] END
        || CASE WHEN 'sidecar' = ANY (_item.kinds) THEN ARRAY[format('SELECT ghostwatch.grant_sidecar(%L)', _item.role)] END
        || CASE WHEN 'viewer' = ANY (_item.kinds) THEN ARRAY[format('SELECT ghostwatch.grant_viewer(%L)', _item.role)] END
        || CASE WHEN 'app' = ANY (_item.kinds) THEN ARRAY[format('SELECT onboarding.grant_app(%L)', _item.role)] END;
END LOOP;

-- What a script of an extension grants counts as a part of the extension, and a dump leaves it out. So an extension's
-- grants are given at the end of the transaction, after the script; without the right to a temporary table, here.
IF _kind = 'extension' AND has_database_privilege(current_database(), 'TEMPORARY') THEN
    IF to_regclass('pg_temp.@extension@_grant') IS NULL THEN
        CREATE TEMPORARY TABLE @extension@_grant (statement text NOT NULL) ON COMMIT DROP;
        ALTER EXTENSION @extension@ DROP TABLE pg_temp.@extension@_grant;
        DROP FUNCTION IF EXISTS pg_temp.@extension@_grant();
        CREATE FUNCTION pg_temp.@extension@_grant()
        RETURNS trigger
        LANGUAGE plpgsql
        SET search_path = pg_catalog, pg_temp
        SET client_min_messages = warning
        AS $give_grant$
        BEGIN
            EXECUTE NEW.statement;
            RETURN NULL;
        EXCEPTION
            WHEN undefined_function OR undefined_table OR undefined_object THEN
                RETURN NULL;
        END
        $give_grant$;
        ALTER EXTENSION @extension@ DROP FUNCTION pg_temp.@extension@_grant();
        CREATE CONSTRAINT TRIGGER give AFTER INSERT ON pg_temp.@extension@_grant
        DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION pg_temp.@extension@_grant();
    END IF;
    INSERT INTO pg_temp.@extension@_grant (statement)
    SELECT g.statement FROM unnest(_grants) AS g (statement);
ELSE
    FOR _item IN
        SELECT g.statement FROM unnest(_grants) AS g (statement)
    LOOP
        BEGIN
            EXECUTE _item.statement;
        EXCEPTION
            WHEN undefined_function OR undefined_table OR undefined_object THEN
                -- The object is gone with this version, or the role.
                NULL;
        END;
    END LOOP;
END IF;

-- Last, since making a policy locks its table until the end, and signups write some of these tables.
@policies@

UPDATE @schema@.installation SET version = '@to@';

PERFORM set_config('lock_timeout', _lock_timeout, true);
PERFORM set_config('client_min_messages', _messages, true);
PERFORM set_config('search_path', _search_path, true);
END
$upgrade$;
