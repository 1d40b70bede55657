"""A schema of traps that raise: whoever looks up a name of PostgreSQL along the caller's path meets one."""

from __future__ import annotations

from typing import LiteralString

# Shadows what PostgreSQL has: the same name and arguments in a schema that stands before pg_catalog.
# Operators and functions on polymorphic types are shadowed for the concrete types that they are used with,
# too: that match is better than PostgreSQL's own wherever on the path it stands.
TRAPS: LiteralString = """
    CREATE SCHEMA trap;
    CREATE FUNCTION trap.fire(what text) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'trap % run by %', what, current_user USING ERRCODE = 'TRAP0';
    END $$;
    GRANT USAGE ON SCHEMA trap TO PUBLIC;

    DO $traps$
    DECLARE
        target record;
        body text;
        shape record;
    BEGIN
        FOR target IN
            SELECT o.oid, o.oprname, o.oprleft, o.oprright, o.oprresult
            FROM pg_catalog.pg_operator AS o
            WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprkind = 'b'
        LOOP
            FOR shape IN
                SELECT t.l, t.r
                FROM (
                    VALUES
                        (target.oprleft::regtype, target.oprright::regtype),
                        ('integer[]'::regtype, 'integer'::regtype),
                        ('integer[]', 'integer[]'), ('text[]', 'text'), ('text[]', 'text[]'),
                        ('integer', 'interval'), ('text', 'name'), ('text', 'regclass'), ('name', 'text')
                ) AS t (l, r)
                WHERE (t.l, t.r) = (target.oprleft::regtype, target.oprright::regtype)
                    OR target.oprname IN ('||', '=', '<>', '*', '@>', '<@', '&&')
            LOOP
                BEGIN
                    EXECUTE format(
                        'CREATE FUNCTION trap.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS '
                        '$f$ BEGIN PERFORM trap.fire(%L); RETURN NULL; END $f$',
                        'operator_' || target.oid, shape.l, shape.r,
                        CASE WHEN target.oprresult::regtype::text LIKE 'any%'
                            THEN shape.l ELSE target.oprresult::regtype END,
                        format('%s(%s,%s)', target.oprname, shape.l, shape.r)
                    );
                    EXECUTE format(
                        'CREATE OPERATOR trap.%s (FUNCTION = trap.%I, LEFTARG = %s, RIGHTARG = %s)',
                        target.oprname, 'operator_' || target.oid, shape.l, shape.r
                    );
                EXCEPTION WHEN OTHERS THEN
                    NULL;  -- not for these types, or made already
                END;
            END LOOP;
        END LOOP;

        FOR target IN
            SELECT p.proname, p.oid, pg_get_function_identity_arguments(p.oid) AS arguments,
                p.prorettype::regtype AS result, p.proretset
            FROM pg_catalog.pg_proc AS p
            WHERE p.pronamespace = 'pg_catalog'::regnamespace
                AND p.prokind = 'f'
                AND 'internal'::regtype <> ALL (p.proargtypes::oid[])
                AND p.prorettype NOT IN ('internal'::regtype, 'cstring'::regtype, 'trigger'::regtype)
        LOOP
            BEGIN
                EXECUTE format(
                    'CREATE FUNCTION trap.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS '
                    '$f$ BEGIN PERFORM trap.fire(%L); RETURN; END $f$',
                    target.proname,
                    replace(replace(target.arguments, 'VARIADIC "any"', 'VARIADIC text[]'), '"any"', 'anyelement'),
                    CASE WHEN target.proretset THEN 'SETOF' ELSE '' END, target.result, target.proname
                );
            EXCEPTION WHEN OTHERS THEN
                BEGIN
                    EXECUTE format(
                        'CREATE FUNCTION trap.%I(%s) RETURNS %s LANGUAGE plpgsql AS '
                        '$f$ BEGIN PERFORM trap.fire(%L); RETURN NULL; END $f$',
                        target.proname,
                        replace(replace(target.arguments, 'VARIADIC "any"', 'VARIADIC text[]'), '"any"', 'anyelement'),
                        target.result, target.proname
                    );
                EXCEPTION WHEN OTHERS THEN
                    NULL;
                END;
            END;
        END LOOP;

        -- Better matches than PostgreSQL's own VARIADIC "any".
        FOREACH body IN ARRAY ARRAY[
            'format(text, text)', 'format(text, regclass)', 'format(text, name)', 'format(text, text, regclass)',
            'format(text, text, text)', 'concat_ws(text, text, text)', 'array_position(text[], text)',
            'coalesce_(text)', 'unnest(text[])', 'unnest(integer[])', 'array_append(integer[], integer)'
        ] LOOP
            BEGIN
                EXECUTE format(
                    'CREATE FUNCTION trap.%s RETURNS text LANGUAGE plpgsql AS '
                    '$f$ BEGIN PERFORM trap.fire(%L); RETURN NULL; END $f$',
                    body, body
                );
            EXCEPTION WHEN OTHERS THEN
                NULL;
            END;
        END LOOP;

        FOREACH body IN ARRAY ARRAY['text', 'name', 'jsonb', 'timestamptz', 'regclass', 'regrole', 'oid', 'uuid'] LOOP
            EXECUTE format('CREATE DOMAIN trap.%I AS pg_catalog.%I CHECK (trap.fire(%L))', body, body, 'type ' || body);
        END LOOP;
        FOR target IN
            SELECT c.relname FROM pg_catalog.pg_class AS c
            WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v')
        LOOP
            EXECUTE format('CREATE VIEW trap.%I AS SELECT trap.fire(%L)', target.relname, target.relname);
        END LOOP;
        GRANT SELECT ON ALL TABLES IN SCHEMA trap TO PUBLIC;
    END
    $traps$;
"""
