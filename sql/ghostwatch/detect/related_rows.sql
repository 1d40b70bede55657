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
        E'%s AS r WHERE %s AND (\n%s\n)',
        (clause).related,
        ghostwatch._key_match((clause).subject, (clause).subject_columns, (clause).related, (clause).related_key_columns),
        coalesce((clause).predicate, 'true')
    )
$_related_rows$;

COMMENT ON FUNCTION ghostwatch._related_rows(ghostwatch._clause) IS
'SQL for the related rows r of the subject s, to stand behind FROM.';
