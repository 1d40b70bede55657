-- A view reads with the rights of its owner, whom row level security does not bind: so it says itself who sees what.
CREATE VIEW ghostwatch.repair_history AS
SELECT
    c.name AS contract,
    i.name AS invariant,
    a.subject_key,
    v.branch_family,
    a.opened_at,
    a.attempted_at,
    a.outcome,
    a.error_state,
    a.error_message,
    v.state
FROM ghostwatch.repair_attempt AS a
INNER JOIN ghostwatch.violation AS v
    ON v.invariant_id = a.invariant_id AND v.subject_key = a.subject_key
INNER JOIN ghostwatch.invariant AS i
    ON i.invariant_id = a.invariant_id
INNER JOIN ghostwatch.contract AS c
    ON c.contract_id = i.contract_id
WHERE ghostwatch._is_own(c.owner);

-- So that a condition of whoever reads it is not shown the rows that it hides.
ALTER VIEW ghostwatch.repair_history SET (security_barrier);

COMMENT ON VIEW ghostwatch.repair_history IS
'What was repaired, and what the clause said afterwards: repaired, still broken or failed, with the error; unverified: it was not asked yet; state: that of the violation now.';
