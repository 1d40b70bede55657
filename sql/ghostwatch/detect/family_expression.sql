CREATE FUNCTION ghostwatch._family_expression(
    contract_id integer,
    branch text
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_family_expression$
-- Patterns are few and branches many, so they stand in the query as a CASE instead of being joined for every subject.
SELECT format('CASE WHEN %1$s IS NULL THEN ''none''', branch)
    || coalesce(string_agg(
        format(' WHEN %s LIKE %L THEN %L', branch, f.pattern, f.family),
        '' ORDER BY length(f.pattern) DESC, f.pattern
    ), '')
    || coalesce((
        SELECT format(' WHEN %1$s = ANY (%2$L::text[]) THEN %1$s', _family_expression.branch, array_agg(b.branch))
        FROM ghostwatch.branch_value AS b
        WHERE b.contract_id = _family_expression.contract_id
        HAVING count(*) > 0
    ), '')
    || ' ELSE ''other'' END'
FROM ghostwatch.branch_family AS f
WHERE f.contract_id = _family_expression.contract_id
$_family_expression$;

COMMENT ON FUNCTION ghostwatch._family_expression(integer, text) IS
'SQL that turns a branch, given as an SQL expression, into its family: none without a branch, itself where no pattern matches and it was among the first, otherwise other.';
