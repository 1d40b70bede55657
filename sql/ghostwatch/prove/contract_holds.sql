CREATE FUNCTION ghostwatch.contract_holds(
    contract text,
    subject_key text,
    description text DEFAULT NULL,
    as_of interval DEFAULT NULL,
    clauses text[] DEFAULT NULL,
    leave_out text[] DEFAULT NULL
)
RETURNS text
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
BEGIN ATOMIC
    -- A clause that is missing fails also where the subject is exempt, since then nothing was proved.
    SELECT
        ghostwatch._assert(
            bool_and(p.holds),
            coalesce(contract_holds.description, format('contract %s holds for %s', contract_holds.contract, contract_holds.subject_key)),
            array_agg(concat_ws(': ', p.invariant, p.explanation)) FILTER (WHERE p.holds IS NOT true)
        )
    FROM ghostwatch.prove(
        contract_holds.contract, contract_holds.subject_key, contract_holds.as_of, contract_holds.clauses, contract_holds.leave_out
    ) AS p;
END;

COMMENT ON FUNCTION ghostwatch.contract_holds(text, text, text, interval, text[], text[]) IS
'pgTAP: a contract holds for a subject, as ghostwatch.prove() judges it; every clause counts as if it were due.
as_of: only what is due this much later than now. clauses: only these; leave_out: all but these. Returns a line of
TAP; its diagnostics name the clauses that are broken or were not judged.
A missing row fails the test also where the subject is exempt. Raises GW078 (pgTAP is not there) and what ghostwatch.prove() raises.';

CREATE FUNCTION ghostwatch.contract_holds(
    contract text,
    subject_key bigint,
    description text DEFAULT NULL,
    as_of interval DEFAULT NULL,
    clauses text[] DEFAULT NULL,
    leave_out text[] DEFAULT NULL
)
RETURNS text
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
BEGIN ATOMIC
    -- A number does not become text by itself, so a key that is one would find no function.
    SELECT
        ghostwatch.contract_holds(
            contract_holds.contract, contract_holds.subject_key::text, contract_holds.description,
            contract_holds.as_of, contract_holds.clauses, contract_holds.leave_out
        );
END;

COMMENT ON FUNCTION ghostwatch.contract_holds(text, bigint, text, interval, text[], text[]) IS
'pgTAP: a contract holds for a subject whose key is a number; see ghostwatch.contract_holds(text, text).';
