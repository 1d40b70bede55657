CREATE FUNCTION ghostwatch._birth_is_indexed(
    clause ghostwatch._clause
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $_birth_is_indexed$
-- Of an expression only the planner knows which index leads to it: without one, it sorts.
-- Declared SQL is planned here, for who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    plan json;
BEGIN
    IF clause.born_at_expression IS NULL THEN
        RETURN ghostwatch._index_advice(clause.subject, ARRAY[clause.born_at_column], ARRAY['btree']::name[], false) IS NULL;
    END IF;

    PERFORM ghostwatch._enter_search_path(clause.search_path);
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM %s AS s ORDER BY %s DESC LIMIT 1', clause.subject, ghostwatch._plain_birth(clause))
    INTO plan;
    PERFORM ghostwatch._leave_search_path();
    RETURN plan::text NOT LIKE '%"Node Type": "Sort"%';
END
$_birth_is_indexed$;

COMMENT ON FUNCTION ghostwatch._birth_is_indexed(ghostwatch._clause) IS
'Whether an index leads to the subjects by their birth time. For an expression, the role must own the contract.
True for what can have no index (views, foreign tables).';
