CREATE FUNCTION ghostwatch._key_is_unique(
    relation regclass,
    key_columns name[]
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_key_is_unique$
    -- A unique index over some of the columns covers them all.
    SELECT EXISTS (
        SELECT
        FROM pg_index AS i
        WHERE i.indrelid = relation
            AND i.indisunique
            AND i.indisvalid
            AND i.indpred IS NULL
            AND i.indexprs IS NULL
            AND NOT EXISTS (
                SELECT
                FROM generate_series(0, i.indnkeyatts - 1) AS place
                INNER JOIN pg_attribute AS a
                    ON a.attrelid = i.indrelid
                    AND a.attnum = i.indkey[place]
                WHERE a.attname <> ALL (key_columns)
            )
    )
$_key_is_unique$;

COMMENT ON FUNCTION ghostwatch._key_is_unique(regclass, name[]) IS
'Whether a unique index makes sure that no two rows of a table have the same values in these columns.';
