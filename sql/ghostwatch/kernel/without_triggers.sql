CREATE FUNCTION ghostwatch._without_triggers(
    relation oid
)
RETURNS regclass
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_without_triggers$
    -- A foreign table takes neither constraint triggers nor triggers with transition tables, and a view has no rows.
    SELECT c.oid::regclass
    FROM ghostwatch._partitions(relation) AS t (relid)
    INNER JOIN pg_class AS c
        ON c.oid = t.relid
    WHERE c.relkind NOT IN ('r', 'p')
    ORDER BY c.oid
    LIMIT 1
$_without_triggers$;

COMMENT ON FUNCTION ghostwatch._without_triggers(oid) IS
'The relation, or one of its partitions, that cannot have the triggers that note arrivals or enforce a contract, as a foreign table; NULL where all can.';
