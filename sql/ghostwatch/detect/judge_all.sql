CREATE FUNCTION ghostwatch._judge_all(
    clause ghostwatch._clause,
    source text,
    after timestamptz DEFAULT NULL,
    up_to timestamptz DEFAULT NULL,
    at_most integer DEFAULT NULL,
    keys text[] DEFAULT NULL,
    births timestamptz[] DEFAULT NULL,
    only_violated boolean DEFAULT false
)
RETURNS ghostwatch._judgement[]
LANGUAGE plpgsql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_judge_all$
-- Where an expression fails, the subjects are read again without the declared expressions, and each is judged by its key.
DECLARE
    bare ghostwatch._clause := clause;
BEGIN
    RETURN ghostwatch._evaluate(
        clause, ghostwatch._subject_query(clause, source, after, up_to, at_most), keys, births, only_violated
    );
EXCEPTION
    WHEN data_exception OR cardinality_violation OR raise_exception THEN
        bare.branch_expression := NULL;
        bare.exempt_predicate := NULL;
        bare.predicate := 'false';
        RETURN ARRAY(
            SELECT j
            FROM unnest(ghostwatch._evaluate_each(
                clause,
                ghostwatch._evaluate(bare, ghostwatch._subject_query(bare, source, after, up_to, at_most), keys, births)
            )) AS j
            WHERE j.violated
                OR NOT only_violated
            ORDER BY j.born_at
        );
END
$_judge_all$;

COMMENT ON FUNCTION ghostwatch._judge_all(ghostwatch._clause, text, timestamptz, timestamptz, integer, text[], timestamptz[], boolean) IS
'Judges the subjects of a source, see ghostwatch._subject_query(). One for whom a declared expression fails comes back with error_state, as if it were exempt.
only_violated: leaves out the subjects that satisfy the clause or are exempt. Raises GW024 (an expression fails for many).';
