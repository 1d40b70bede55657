CREATE FUNCTION ghostwatch.contract_exempts(
    contract text,
    subject_key text,
    description text DEFAULT NULL
)
RETURNS text
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT
        ghostwatch._assert(
            coalesce(bool_and(p.state = 'exempt'), false),
            coalesce(contract_exempts.description, format('contract %s exempts %s', contract_exempts.contract, contract_exempts.subject_key)),
            CASE
                WHEN count(*) = 0 THEN ARRAY['Nothing is missing, so nothing shows whether it is exempt.']
                ELSE array_agg(concat_ws(': ', p.invariant, p.explanation)) FILTER (WHERE p.state <> 'exempt')
            END
        )
    FROM ghostwatch.prove(contract_exempts.contract, contract_exempts.subject_key) AS p
    WHERE NOT p.holds;
END;

COMMENT ON FUNCTION ghostwatch.contract_exempts(text, text, text) IS
'pgTAP: a subject lacks something, and the contract does not hold that against it.
Returns a line of TAP.
Raises GW078 (pgTAP is not there) and what ghostwatch.prove() raises.';

CREATE FUNCTION ghostwatch.contract_exempts(
    contract text,
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
        ghostwatch.contract_exempts(
            contract_exempts.contract, contract_exempts.subject_key::text, contract_exempts.description
        );
END;

COMMENT ON FUNCTION ghostwatch.contract_exempts(text, bigint, text) IS
'pgTAP: a contract exempts a subject whose key is a number; see ghostwatch.contract_exempts(text, text).';
