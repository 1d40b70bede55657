-- Makes a plain installation the extension of the same version, where it stands: no row is copied, no table of an
-- application is locked, and whatever depends on its objects stays. scripts/upgrade.py fills in what stands between at signs.
-- No grant to another role may be there while an object is taken in, or a dump would take it for a part of the extension
-- and leave it out; so all are revoked before and given again at the end.
-- Raises GW903, GW905, GW906; and what CREATE EXTENSION does where the server lacks the files.
DO $to_extension$
DECLARE
    _schema CONSTANT pg_catalog.name := '@schema@';
    _search_path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
    _lock_timeout CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
    _members CONSTANT pg_catalog.text[] := @members@;
    _owner pg_catalog.name;
    _installed record;
    _grants pg_catalog.text[];
    _item record;
BEGIN
SET LOCAL search_path = pg_catalog, pg_temp;
IF _lock_timeout = '0' THEN
    SET LOCAL lock_timeout = '5s';
END IF;

\ir owner_check.psql

LOCK TABLE @schema@.installation IN ACCESS EXCLUSIVE MODE;
SELECT i.version, i.kind INTO _installed FROM @schema@.installation AS i;

IF _installed.version IS DISTINCT FROM '@to@' OR _installed.kind IS DISTINCT FROM 'plain' THEN
    RAISE EXCEPTION '@extension@ is installed as version % (%), and this script makes version @to@ (plain) an extension', _installed.version, _installed.kind
        USING ERRCODE = 'GW906',
              DETAIL  = 'Nothing was changed.',
              HINT    = CASE _installed.kind
                            WHEN 'extension' THEN 'It is an extension already.'
                            ELSE 'Upgrade it first: ghostwatch migrate'
                        END;
END IF;

WITH object (kind, name, owner, acl) AS (
    SELECT 'SCHEMA', quote_ident(n.nspname), n.nspowner, n.nspacl
    FROM pg_namespace AS n
    WHERE n.nspname = _schema
    UNION ALL
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass::text, c.relowner, c.relacl
    FROM pg_class AS c
    WHERE c.relnamespace = _schema::regnamespace AND c.relkind IN ('r', 'v', 'S')
    UNION ALL
    SELECT 'ROUTINE', p.oid::regprocedure::text, p.proowner, p.proacl
    FROM pg_proc AS p
    WHERE p.pronamespace = _schema::regnamespace
    UNION ALL
    SELECT 'TYPE', t.oid::regtype::text, t.typowner, t.typacl
    FROM pg_type AS t
    WHERE t.typnamespace = _schema::regnamespace
),
given AS (
    SELECT
        o.kind,
        o.name,
        a.grantee,
        format(
            '%s ON %s %s TO %s%s', string_agg(a.privilege_type, ', '), o.kind, o.name,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
            CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END
        ) AS privileges
    FROM object AS o
    CROSS JOIN aclexplode(o.acl) AS a
    WHERE a.grantee <> o.owner
        -- Types are for everyone, as PostgreSQL makes them.
        AND NOT (o.kind = 'TYPE' AND a.grantee = 0)
    GROUP BY o.kind, o.name, a.grantee, a.is_grantable
)
SELECT coalesce(array_agg(g.privileges), '{}') INTO _grants FROM given AS g;

FOR _item IN
    SELECT DISTINCT regexp_replace(regexp_replace(g.privileges, '^.*? ON ', 'ON '), ' TO (.*?)( WITH GRANT OPTION)?$', ' FROM \1 CASCADE') AS privileges
    FROM unnest(_grants) AS g (privileges)
LOOP
    EXECUTE 'REVOKE ALL ' || _item.privileges;
END LOOP;

-- An extension without any object, which then takes in one after the other.
CREATE EXTENSION @extension@ VERSION 'plain';

FOR _item IN
    SELECT m.object FROM unnest(_members) WITH ORDINALITY AS m (object, position)
    ORDER BY m.position
LOOP
    EXECUTE 'ALTER EXTENSION @extension@ ADD ' || _item.object;
END LOOP;

FOR _item IN
    SELECT c.oid::regclass AS sequence
    FROM pg_class AS c
    WHERE c.relnamespace = _schema::regnamespace AND c.relkind = 'S'
        AND EXISTS (
            SELECT FROM pg_depend AS d
            INNER JOIN pg_depend AS e ON e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e'
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i'
        )
    ORDER BY c.oid
LOOP
    EXECUTE format('ALTER EXTENSION @extension@ ADD SEQUENCE %s', _item.sequence);
END LOOP;

ALTER EXTENSION @extension@ UPDATE TO '@to@';
UPDATE @schema@.installation SET kind = 'extension';

FOR _item IN
    SELECT g.privileges FROM unnest(_grants) AS g (privileges)
LOOP
    EXECUTE 'GRANT ' || _item.privileges;
END LOOP;

PERFORM set_config('lock_timeout', _lock_timeout, true);
PERFORM set_config('search_path', _search_path, true);
END
$to_extension$;
