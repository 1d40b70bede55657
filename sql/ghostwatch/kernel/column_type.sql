CREATE FUNCTION ghostwatch._column_type(
    relation regclass,
    column_name name
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_column_type$
-- Names the table and its columns in the message: a query on a dropped table would report only a number.
DECLARE
    relation_kind "char" := (SELECT c.relkind FROM pg_class AS c WHERE c.oid = relation);
    column_type text;
    column_list text;
    last_name text;
    successor text;
BEGIN
    IF relation_kind IS NULL OR relation_kind NOT IN ('r', 'p', 'f', 'v', 'm') THEN
        IF relation_kind IS NULL THEN
            last_name := ghostwatch._relation_name(relation);
            SELECT format(', and the table of that name belongs to role %s', r.relowner::regrole)
            INTO successor
            FROM pg_class AS r
            WHERE r.oid = to_regclass(last_name);
        END IF;

        RAISE EXCEPTION '%', CASE
                WHEN relation IS NULL THEN 'no table is named'
                WHEN relation_kind IS NULL THEN format('table %s was dropped%s', coalesce(last_name, relation::text), successor)
                ELSE format('%s is not a table', relation)
            END
            USING ERRCODE = 'GW002',
                  DETAIL = CASE WHEN relation IS NULL THEN 'What is declared for the first time needs a table.'
                                WHEN relation_kind IS NULL THEN 'There is no such relation in this database.'
                                ELSE 'Only tables, partitioned tables, foreign tables and views have rows.' END,
                  HINT = 'Name an existing table; SELECT oid::regclass FROM pg_class WHERE relkind IN (''r'', ''p'') lists them.';
    END IF;

    SELECT format_type(a.atttypid, NULL)
    INTO column_type
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;

    IF column_type IS NULL THEN
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
        INTO column_list
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;

        RAISE EXCEPTION '%', coalesce('column ' || quote_ident(column_name) || format(' of %s does not exist', relation), format('no column of %s is named', relation))
            USING ERRCODE = 'GW003',
                  DETAIL = format('%s has the columns %s.', relation, column_list),
                  HINT = 'Declare again with the name of one of these columns.';
    END IF;

    RETURN column_type;
END
$_column_type$;

COMMENT ON FUNCTION ghostwatch._column_type(regclass, name) IS
'The type of a column as it is written in a cast. Raises GW002 (not a table), GW003 (no such column).';
