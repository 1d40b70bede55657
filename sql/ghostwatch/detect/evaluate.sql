CREATE FUNCTION ghostwatch._evaluate(
    clause ghostwatch._clause,
    query text,
    keys text[] DEFAULT NULL,
    births timestamptz[] DEFAULT NULL,
    only_violated boolean DEFAULT false
)
RETURNS ghostwatch._judgement[]
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_evaluate$
-- What is found is kept in an array, so that whatever is written of it is another statement, over tables of
-- ghostwatch only. Each judgement is cast to its type here: the query's columns cannot be checked beforehand.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    judgements ghostwatch._judgement[];
BEGIN
    PERFORM ghostwatch._enter_search_path(clause.search_path);
    EXECUTE format('SELECT array_agg(ROW(j.*, NULL)::ghostwatch._judgement) FROM (%s) AS j WHERE j.violated OR NOT $3', query)
    INTO judgements
    USING keys, births, only_violated;
    PERFORM ghostwatch._leave_search_path();

    RETURN coalesce(judgements, '{}');
END
$_evaluate$;

COMMENT ON FUNCTION ghostwatch._evaluate(ghostwatch._clause, text, text[], timestamptz[], boolean) IS
'Runs a query of ghostwatch._subject_query() with its parameters, under the search path of the contract.
only_violated: leaves out the subjects that satisfy the clause or are exempt.';
