CREATE FUNCTION ghostwatch._related_query(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- LIMIT 1 makes it an index look-up per subject, never a hash of the whole table.
RETURN format('SELECT true FROM %s LIMIT 1', ghostwatch._related_rows(clause));

COMMENT ON FUNCTION ghostwatch._related_query(ghostwatch._clause) IS
'The query for the row that the subject s must have, to be run under the search path of the contract.';
