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
    SELECT
        ghostwatch.contract_holds(
            clause_holds.contract,
            clause_holds.subject_key,
            coalesce(
                clause_holds.description,
                format('%s of contract %s holds for %s', clause_holds.invariant, clause_holds.contract, clause_holds.subject_key)
            ),
            clauses => ARRAY[clause_holds.invariant]
        );
END;

COMMENT ON FUNCTION ghostwatch.clause_holds(text, text, text, text) IS
'pgTAP: one clause of a contract holds for a subject, due or not.
Returns a line of TAP.
Raises GW007 (no such invariant), GW078 (pgTAP is not there) and what ghostwatch.prove() raises.';

CREATE FUNCTION ghostwatch.clause_holds(
    contract text,
    invariant text,
    subject_key bigint,
    description text DEFAULT NULL
)
RETURNS text
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
BEGIN ATOMIC
    -- A number does not become text by itself, so a key that is one would find no function.
    SELECT
        ghostwatch.clause_holds(
            clause_holds.contract, clause_holds.invariant, clause_holds.subject_key::text, clause_holds.description
        );
END;

COMMENT ON FUNCTION ghostwatch.clause_holds(text, text, bigint, text) IS
'pgTAP: one clause holds for a subject whose key is a number; see ghostwatch.clause_holds(text, text, text).';
