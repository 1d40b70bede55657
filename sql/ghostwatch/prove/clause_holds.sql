CREATE FUNCTION ghostwatch.clause_holds(
    contract text,
    invariant text,
    subject_key text,
    description text DEFAULT NULL
)
RETURNS text
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
BEGIN ATOMIC
    -- pgTAP: one clause holds for a subject, due or not.
    -- Returns a line of TAP. Raises GW007 for an invariant that is not there, what check_subject() raises, and GW078.
    SELECT
        ghostwatch._assert(
            bool_and(f.satisfied),
            coalesce(
                clause_holds.description,
                format('%s of contract %s holds for %s', clause_holds.invariant, clause_holds.contract, clause_holds.subject_key)
            ),
            array_agg(f.remark)
        )
    FROM ghostwatch._subject_findings(clause_holds.contract, clause_holds.subject_key) AS f
    WHERE
        ghostwatch._invariant_id(clause_holds.contract, clause_holds.invariant) IS NOT NULL
        AND coalesce(f.invariant, clause_holds.invariant) = clause_holds.invariant;
END;

COMMENT ON FUNCTION ghostwatch.clause_holds(text, text, text, text) IS
'pgTAP: one clause of a contract holds for a subject, due or not.
Raises GW007 (no such invariant), GW078 (pgTAP is not there) and what ghostwatch.check_subject() raises.';
