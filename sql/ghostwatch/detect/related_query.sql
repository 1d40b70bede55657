CREATE FUNCTION ghostwatch._related_query(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_related_query$
    -- LIMIT makes it an index look-up per subject, never a hash of the whole table, and bounds what is counted.
    SELECT CASE
        WHEN (clause).no_row THEN format('SELECT count(*) = 0 FROM (SELECT FROM %s LIMIT 1) AS found', f.related_rows)
        WHEN (clause).exactly IS NOT NULL
            THEN format('SELECT count(*) = %s FROM (SELECT FROM %s LIMIT %s) AS found', (clause).exactly, f.related_rows, (clause).exactly::bigint + 1)
        WHEN (clause).at_least > 1 THEN format('SELECT count(*) = %1$s FROM (SELECT FROM %2$s LIMIT %1$s) AS found', (clause).at_least, f.related_rows)
        ELSE format('SELECT true FROM %s LIMIT 1', f.related_rows)
    END
    FROM ghostwatch._related_rows(clause) AS f (related_rows)
$_related_query$;

COMMENT ON FUNCTION ghostwatch._related_query(ghostwatch._clause) IS
'The query that says whether the subject s has the related rows that a clause demands; no row or NULL means that it does not.';
