CREATE FUNCTION ghostwatch._subject_query(
    clause ghostwatch._clause,
    source text,
    after timestamptz DEFAULT NULL,
    up_to timestamptz DEFAULT NULL,
    at_most integer DEFAULT NULL,
    detail text DEFAULT NULL
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_subject_query$
-- The only query over subjects and their related rows. What is looked up for a subject stands as scalar sub-selects
-- in one target list, and the subjects come from one table by one condition: a planner that spreads tables over
-- servers can take that as it is. The families stand a level above: they name the branch many times, and it is
-- looked up once.
SELECT format(
    E'SELECT\n'
    '    q.subject_key,\n'
    '    q.born_at,\n'
    '    %1$s AS branch_family,\n'
    '    coalesce(q.branch LIKE ANY (%2$L::text[]), false) AS exempt_by_branch,\n'
    '    q.exempt_by_predicate,\n'
    '    q.satisfied,\n'
    '    NOT (q.satisfied OR q.exempt_by_predicate OR coalesce(q.branch LIKE ANY (%2$L::text[]), false)) AS violated,\n'
    '    q.branch%3$s\n'
    'FROM (\n'
    '    SELECT\n'
    '        %4$s AS subject_key,\n'
    '        %5$s AS born_at,\n'
    '        (\n%6$s\n)::text AS branch,\n'
    '        coalesce((\n%7$s\n), false) AS exempt_by_predicate,\n'
    '        coalesce((%8$s), false) AS satisfied%9$s\n'
    '    FROM %10$s AS s\n'
    '    WHERE %11$s\n'
    '    %12$s\n'
    ') AS q',
    ghostwatch._family_expression((clause).contract_id, 'q.branch'),
    (clause).exempt_branches,
    ', q.' || detail,
    ghostwatch._key_text((clause).subject, 's', (clause).key_columns),
    ghostwatch._written_birth(clause),
    coalesce((clause).branch_expression, 'NULL'),
    coalesce((clause).exempt_predicate, 'false'),
    ghostwatch._related_query(clause),
    CASE detail
        WHEN 'row_count' THEN format(E',\n        (SELECT count(*) FROM %s) AS row_count', ghostwatch._related_rows(clause))
        WHEN 'came_at' THEN format(E',\n        (%s) AS came_at', ghostwatch._came_at(clause))
        WHEN 'written' THEN format(E',\n        (%s) AS written', ghostwatch._written_together(clause))
    END,
    (clause).subject,
    ghostwatch._subject_condition(clause, source, after, up_to),
    -- All subjects with one birth time come together, so that a watermark is a moment and nothing else.
    CASE
        WHEN at_most IS NULL THEN 'OFFSET 0'
        ELSE format('ORDER BY %s FETCH FIRST %s ROWS WITH TIES', ghostwatch._plain_birth(clause), at_most)
    END
)
$_subject_query$;

COMMENT ON FUNCTION ghostwatch._subject_query(ghostwatch._clause, text, timestamptz, timestamptz, integer, text) IS
'The query that judges subjects of one invariant, to be run under the search path of the contract: the columns of ghostwatch._judgement.
source, after, up_to: which subjects, see ghostwatch._subject_condition(). at_most: the oldest so many, and all that are as old as the last of them.
detail: one more column: row_count (how many related rows there are), came_at (when the last one came that is needed) or written (see ghostwatch._written_together()).';
