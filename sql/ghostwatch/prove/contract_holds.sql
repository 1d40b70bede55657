CREATE FUNCTION ghostwatch.contract_holds(
    contract text,
    subject_key text,
    description text DEFAULT NULL
)
RETURNS text
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
BEGIN ATOMIC
    -- pgTAP: every clause that is due holds for a subject. A clause that is due and missing fails also where the
    -- subject is exempt, for a test that proves nothing should not look like one that does.
    -- Returns a line of TAP; its diagnostics name the broken clauses. Raises what check_subject() raises, and GW078.
    SELECT
        ghostwatch._assert(
            coalesce(bool_and(f.satisfied OR NOT f.is_due), false),
            coalesce(contract_holds.description, format('contract %s holds for %s', contract_holds.contract, contract_holds.subject_key)),
            coalesce(
                array_agg(f.remark) FILTER (WHERE NOT f.satisfied AND f.is_due),
                ARRAY['The contract has no clause, so nothing was proved.']
            )
        )
    FROM ghostwatch._subject_findings(contract_holds.contract, contract_holds.subject_key) AS f;
END;

COMMENT ON FUNCTION ghostwatch.contract_holds(text, text, text) IS
'pgTAP: every clause of a contract that is due holds for a subject; the diagnostics name those that do not.
A missing row fails the test also where the subject is exempt. Raises GW078 (pgTAP is not there) and what ghostwatch.check_subject() raises.';
