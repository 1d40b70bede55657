-- A view reads with the rights of its owner, whom row level security does not bind: so it says itself who sees what.
CREATE VIEW ghostwatch._clause AS
SELECT
    i.invariant_id,
    i.contract_id,
    c.name AS contract,
    i.name AS invariant,
    c.owner,
    c.subject,
    c.key_column AS key_columns,
    c.born_at_column,
    c.born_at_expression,
    c.branch_expression,
    c.exempt_predicate,
    c.exempt_branches,
    c.time_zone,
    c.lateness,
    c.capture,
    c.search_path,
    i.related,
    i.related_key_column AS related_key_columns,
    coalesce(i.subject_column, c.key_column) AS subject_columns,
    i.predicate,
    i.at_least,
    i.exactly,
    i.no_row,
    i.no_row OR i.exactly IS NOT NULL AS breaks_later,
    i.related_at_column,
    i.warn_after,
    i.error_after,
    i.watch_for,
    coalesce(i.warn_after, i.error_after) AS deadline,
    i.rule,
    i.repair
FROM ghostwatch.invariant AS i
INNER JOIN ghostwatch.contract AS c ON i.contract_id = c.contract_id
WHERE ghostwatch._is_own(c.owner);

-- So that a condition of whoever reads it is not shown the rows that it hides.
ALTER VIEW ghostwatch._clause SET (security_barrier);

COMMENT ON VIEW ghostwatch._clause IS
'One row per invariant with what its contract says: all that a check needs to know.';
