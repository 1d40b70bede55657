CREATE FUNCTION ghostwatch._relation_name(
    relation regclass
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_relation_name$
    -- A dropped table has no other name than the one that was kept.
    SELECT coalesce(
        (SELECT r.oid::regclass::text FROM pg_class AS r WHERE r.oid = relation),
        (SELECT c.subject_name FROM ghostwatch.contract AS c WHERE c.subject = relation LIMIT 1),
        (SELECT i.related_name FROM ghostwatch.invariant AS i WHERE i.related = relation LIMIT 1)
    )
$_relation_name$;

COMMENT ON FUNCTION ghostwatch._relation_name(regclass) IS
'The name of a table of a contract; after it was dropped, its last one.';
