CREATE FUNCTION ghostwatch._related_query(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_related_query$
-- The query for the row that the subject s must have.
-- LIMIT 1 makes it an index look-up per subject, never a hash of the whole table.
SELECT format(
    E'SELECT true AS _satisfied FROM %s AS r WHERE r.%I = s.%I%s AND (\n%s\n) LIMIT 1',
    (clause).related,
    (clause).related_key_column,
    (clause).key_column,
    ghostwatch._key_cast((clause).subject, (clause).key_column, (clause).related, (clause).related_key_column),
    coalesce((clause).predicate, 'true')
)
$_related_query$;

COMMENT ON FUNCTION ghostwatch._related_query(ghostwatch._clause) IS
'The query for the row that the subject s must have, to be run under the search path of the contract.';
