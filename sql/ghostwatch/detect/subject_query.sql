CREATE FUNCTION ghostwatch._subject_query(
    clause ghostwatch._clause,
    from_item text
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_subject_query$
-- The one query that judges subjects; whoever judges, for whatever reason, goes through it.
-- from_item: SQL that yields the subjects to judge as s.
-- OFFSET 0 has the branch looked up once per subject, though the family names it many times.
SELECT format(
    E'SELECT s.%1$I::text AS subject_key, %2$s AS born_at, %3$s AS branch_family,\n'
    '    coalesce(_branch._value LIKE ANY (%4$L::text[]), false) AS exempt_by_branch,\n'
    '    coalesce((\n%5$s\n), false) AS exempt_by_predicate,\n'
    '    coalesce(_related._satisfied, false) AS satisfied\n'
    'FROM %6$s\n'
    'CROSS JOIN LATERAL (SELECT (\n%7$s\n)::text AS _value OFFSET 0) AS _branch\n'
    'LEFT JOIN LATERAL (\n%8$s\n) AS _related ON true',
    (clause).key_column,
    ghostwatch._born_at_expression(clause),
    ghostwatch._family_expression((clause).contract_id, '_branch._value'),
    (clause).exempt_branches,
    coalesce((clause).exempt_predicate, 'false'),
    from_item,
    coalesce((clause).branch_expression, 'NULL'),
    ghostwatch._related_query(clause)
)
$_subject_query$;

COMMENT ON FUNCTION ghostwatch._subject_query(ghostwatch._clause, text) IS
'The query that judges subjects of one invariant, to be run under the search path of the contract.
It yields subject_key, born_at, branch_family, exempt_by_branch, exempt_by_predicate and satisfied.';
