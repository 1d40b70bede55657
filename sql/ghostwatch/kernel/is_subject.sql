CREATE FUNCTION ghostwatch._is_subject(
    contract_id integer,
    relation oid
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
-- A definer: the doctor of another role would take a trigger for one of no contract.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_is_subject$
    -- Whoever may execute a trigger's function can put it on a table of their own, where it would run as its owner.
    SELECT EXISTS (
        SELECT
        FROM ghostwatch.contract AS c
        WHERE c.contract_id = _is_subject.contract_id
            AND (c.subject = relation OR c.subject IN (SELECT a.relid FROM pg_partition_ancestors(relation) AS a))
    )
$_is_subject$;

COMMENT ON FUNCTION ghostwatch._is_subject(integer, oid) IS
'Whether a table is the subject of a contract, or a partition of it.';
