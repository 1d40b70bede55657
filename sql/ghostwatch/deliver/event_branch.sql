CREATE FUNCTION ghostwatch._event_branch(
    payload jsonb
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- Of branches without bound, such as links, one would count few events each. Found when events are gathered, so that it
    -- costs a signup nothing.
    SELECT left(
        CASE
            WHEN payload ->> 'branch' IS NULL THEN 'none'
            WHEN payload ->> 'contract' IS NULL THEN payload ->> 'branch'
            ELSE coalesce(
                (
                    SELECT declared.family
                    FROM ghostwatch.branch_family AS declared
                    INNER JOIN ghostwatch.contract ON declared.contract_id = contract.contract_id
                    WHERE
                        contract.name = payload ->> 'contract'
                        AND payload ->> 'branch' LIKE declared.pattern
                    ORDER BY length(declared.pattern) DESC, declared.pattern
                    LIMIT 1
                ),
                'other'
            )
        END,
        64
    );
END;

COMMENT ON FUNCTION ghostwatch._event_branch(jsonb) IS
'What an event is counted by: its branch, or the family of its branch in the contract that it names.';
