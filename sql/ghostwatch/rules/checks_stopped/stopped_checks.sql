CREATE FUNCTION ghostwatch._stopped_checks(
    as_of timestamptz
)
RETURNS TABLE (
    contract text,
    last_success_at timestamptz,
    stopped boolean
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_stopped_checks$
-- A run checks only the contracts of its own role, so the success of one role's runs says nothing about those of another. Only
-- successes count, whatever the scheduler reports.
-- (plpgsql, so that a session that runs checks again and again plans this once.)
BEGIN
    RETURN QUERY
    SELECT
        c.name,
        max(p.last_success_at),
        bool_or(coalesce(
            CASE
                -- A check that fails does run, and has an alert of its own.
                WHEN p.failing_since IS NOT NULL THEN greatest(p.last_success_at, p.last_attempt_at)
                -- Before the first success there is nothing to compare with.
                ELSE p.last_success_at
            END < as_of - ghostwatch._overdue_after(),
            false
        ))
    FROM ghostwatch.check_progress AS p
    INNER JOIN ghostwatch.invariant AS i USING (invariant_id)
    INNER JOIN ghostwatch.contract AS c USING (contract_id)
    GROUP BY c.name;
END
$_stopped_checks$;

COMMENT ON FUNCTION ghostwatch._stopped_checks(timestamptz) IS
'Per contract, whether checks of it have not succeeded for three periods, and when one last did.';
