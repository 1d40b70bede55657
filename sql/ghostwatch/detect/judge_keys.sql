CREATE FUNCTION ghostwatch._judge_keys(
    clause ghostwatch._clause,
    keys text[]
)
RETURNS ghostwatch._judgement[]
LANGUAGE sql
VOLATILE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_judge_keys$
    -- The birth is the one that the subject carries, also under capture.
    SELECT ghostwatch._evaluate(clause, ghostwatch._subject_query(clause, 'keys'), keys)
$_judge_keys$;

COMMENT ON FUNCTION ghostwatch._judge_keys(ghostwatch._clause, text[]) IS
'Judges the subjects that have one of these keys. Raises whatever a declared expression raises.';
