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
    -- pgTAP: a subject lacks something, and the contract does not hold that against it.
    -- Returns a line of TAP. Raises what check_subject() raises, and GW078.
    SELECT
        ghostwatch._assert(
            coalesce(bool_and(f.state = 'exempt'), false),
            coalesce(contract_exempts.description, format('contract %s exempts %s', contract_exempts.contract, contract_exempts.subject_key)),
            coalesce(
                array_agg(f.remark) FILTER (WHERE f.state <> 'exempt'),
                ARRAY['Nothing is missing, so nothing shows whether it is exempt.']
            )
        )
    FROM ghostwatch._subject_findings(contract_exempts.contract, contract_exempts.subject_key) AS f
    WHERE NOT f.satisfied;
END;

COMMENT ON FUNCTION ghostwatch.contract_exempts(text, text, text) IS
'pgTAP: a subject lacks something, and the contract exempts it.
Raises GW078 (pgTAP is not there) and what ghostwatch.check_subject() raises.';
