CREATE FUNCTION onboarding._obstacles(
    keep_own_start boolean
)
RETURNS SETOF text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_obstacles$
    WITH existing AS (
        SELECT
            names.table_name,
            c.oid,
            c.relkind
        FROM (SELECT DISTINCT needed.table_name FROM onboarding._needed_columns() AS needed) AS names
        INNER JOIN pg_class AS c
            ON c.oid = to_regclass(format('public.%I', names.table_name))
    ),

    actual AS (
        SELECT
            existing.table_name,
            existing.oid,
            a.attname AS column_name,
            format_type(a.atttypid, NULL) AS type,
            CASE WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod > 0 THEN a.atttypmod - 4 END AS max_length,
            a.attnum,
            a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS must_be_given
        FROM existing
        INNER JOIN pg_attribute AS a
            ON a.attrelid = existing.oid
                AND a.attnum > 0
                AND NOT a.attisdropped
        WHERE existing.relkind IN ('r', 'p')
    )

    SELECT format('public.%I is not a table', existing.table_name)
    FROM existing
    WHERE existing.relkind NOT IN ('r', 'p')

    UNION ALL

    SELECT
        CASE
            WHEN actual.column_name IS NULL
                THEN format('public.%I has no column %I (%s)', needed.table_name, needed.column_name, needed.types[1])
            ELSE format(
                'public.%I.%I is of type %s, not %s',
                needed.table_name, needed.column_name, actual.type, array_to_string(needed.types, ' or ')
            )
        END
    FROM onboarding._needed_columns() AS needed
    INNER JOIN existing
        ON existing.table_name = needed.table_name
            AND existing.relkind IN ('r', 'p')
    LEFT JOIN actual
        ON actual.table_name = needed.table_name
            AND actual.column_name = needed.column_name
    WHERE actual.type IS NULL
        OR actual.type <> ALL (needed.types)

    UNION ALL

    SELECT format(
        'public.%I.%I must be given a value (NOT NULL, no default), and start() does not know it',
        actual.table_name, actual.column_name
    )
    FROM actual
    WHERE NOT _obstacles.keep_own_start
        AND actual.must_be_given
        AND actual.table_name <> 'user_meme_reaction'
        AND NOT EXISTS (
            SELECT FROM onboarding._needed_columns() AS needed
            WHERE needed.table_name = actual.table_name
                AND needed.column_name = actual.column_name
                -- Of the log, start() leaves the id to the table.
                AND (needed.table_name, needed.column_name) <> ('user_deep_link_log', 'id')
        )

    UNION ALL

    SELECT format(
        'public.%I.%I takes %s characters, and start() writes up to %s',
        actual.table_name, actual.column_name, actual.max_length, needed.max_length
    )
    FROM actual
    INNER JOIN onboarding._needed_columns() AS needed
        ON needed.table_name = actual.table_name
            AND needed.column_name = actual.column_name
    WHERE NOT _obstacles.keep_own_start
        AND actual.max_length < needed.max_length

    UNION ALL

    SELECT format('public.%I has no unique index on (id)', actual.table_name)
    FROM actual
    WHERE actual.table_name IN ('user', 'user_tg')
        AND actual.column_name = 'id'
        AND NOT EXISTS (
            SELECT FROM pg_index AS i
            WHERE i.indrelid = actual.oid
                AND i.indisunique
                AND i.indisvalid
                AND i.indpred IS NULL
                AND i.indnkeyatts = 1
                AND i.indkey[0] = actual.attnum
        )
$_obstacles$;

COMMENT ON FUNCTION onboarding._obstacles(boolean) IS
'Why the existing tables cannot be adopted, one line for each reason; none where they can. keep_own_start: the
application keeps its own /start, so what only onboarding.start() needs does not count.';
