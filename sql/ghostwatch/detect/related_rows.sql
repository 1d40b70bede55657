CREATE FUNCTION ghostwatch._related_rows(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_related_rows$
    -- The line ends keep a comment in the predicate from hiding what follows it.
    SELECT format(
        E'%s AS r WHERE r.%I = s.%I%s AND (\n%s\n)',
        (clause).related,
        (clause).related_key_column,
        (clause).key_column,
        ghostwatch._key_cast((clause).subject, (clause).key_column, (clause).related, (clause).related_key_column),
        coalesce((clause).predicate, 'true')
    )
$_related_rows$;

COMMENT ON FUNCTION ghostwatch._related_rows(ghostwatch._clause) IS
'SQL for the related rows r of the subject s, to stand behind FROM.';
