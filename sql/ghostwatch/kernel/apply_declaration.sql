CREATE FUNCTION ghostwatch._apply_declaration(
    declared anyelement,
    given jsonb,
    reset text[],
    others text[] DEFAULT '{}'
)
RETURNS anyelement
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_apply_declaration$
-- Every declaration changes what is given and keeps the rest, so that no statement reverts another. The defaults stand
-- in one place, the DEFAULT clauses of the table, and a column is set to its default only by its name in reset. Columns
-- without a default that must not be null cannot be reset. Defaults of this schema's own tables are evaluated, and no
-- other text: @plpgsql_check_options: security_warnings = false
DECLARE
    relation constant regclass := (SELECT t.typrelid FROM pg_type AS t WHERE t.oid = pg_typeof(declared));
    names text[];
    default_list text;
    defaults jsonb;
BEGIN
    SELECT
        array_agg(a.attname ORDER BY a.attnum),
        string_agg(format('%L, %s', a.attname, coalesce(pg_get_expr(d.adbin, d.adrelid), 'NULL')), ', ')
    INTO names, default_list
    FROM pg_attribute AS a
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = relation AND given ? a.attname::text AND (d.oid IS NOT NULL OR NOT a.attnotnull);

    names := names || others;
    IF NOT coalesce(reset, '{}') <@ names THEN
        RAISE EXCEPTION '% cannot be reset', (
                SELECT string_agg(quote_nullable(r.name), ', ') FROM unnest(reset) AS r (name) WHERE (r.name = ANY (names)) IS NOT TRUE
            )
            USING ERRCODE = 'GW018',
                  DETAIL = format('Arguments that can be reset to their defaults: %s.', array_to_string(names, ', ')),
                  HINT = format('For example: reset => %L', names[1:1]);
    END IF;

    IF reset && ARRAY(SELECT g.key FROM jsonb_each(given) AS g WHERE g.value <> 'null') THEN
        RAISE EXCEPTION 'an argument is both given and reset'
            USING ERRCODE = 'GW018',
                  DETAIL = format('reset is %s, and values are given for %s.', reset,
                                  (SELECT string_agg(g.key, ', ') FROM jsonb_each(given) AS g WHERE g.value <> 'null' AND g.key = ANY (reset))),
                  HINT = 'Give its value, or name it in reset.';
    END IF;

    EXECUTE format('SELECT jsonb_build_object(%s)', default_list) INTO defaults;
    IF NOT (declared IS NULL) THEN
        defaults := (SELECT coalesce(jsonb_object_agg(d.key, d.value), '{}') FROM jsonb_each(defaults) AS d WHERE d.key = ANY (reset));
    END IF;

    RETURN jsonb_populate_record(
        declared,
        defaults || (SELECT coalesce(jsonb_object_agg(g.key, g.value), '{}') FROM jsonb_each(given) AS g WHERE g.value <> 'null')
    );
END
$_apply_declaration$;

COMMENT ON FUNCTION ghostwatch._apply_declaration(anyelement, jsonb, text[], text[]) IS
'A declared row with what is given changed, what is reset set to the default of its column, and the rest kept.
declared: the row as it was declared before, or NULL for a new one. given: every argument with its value, null where
it was left out; named as the columns. others: arguments without a column of their name, which the caller resets.
Raises GW018 (reset names no such argument, or one that is given).';
