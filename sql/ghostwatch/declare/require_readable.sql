CREATE FUNCTION ghostwatch._require_readable(
    relation regclass
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_require_readable$
BEGIN
    EXECUTE format('SELECT FROM %s LIMIT 0', relation);
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'role % may not read %', current_user, relation
            USING ERRCODE = 'GW005',
                  DETAIL = format('Postgres says: %s.', SQLERRM),
                  HINT = format(
                      'GRANT USAGE ON SCHEMA %s TO %I; GRANT SELECT ON %s TO %2$I;',
                      (SELECT c.relnamespace::regnamespace FROM pg_class AS c WHERE c.oid = relation), current_user, relation
                  );
END
$_require_readable$;

COMMENT ON FUNCTION ghostwatch._require_readable(regclass) IS
'Refuses a table that this role may not read; asked of Postgres itself, which knows of columns and schemas too. Raises
GW005.';
