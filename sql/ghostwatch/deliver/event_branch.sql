CREATE FUNCTION ghostwatch._event_branch(
    payload jsonb
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- What an event is counted by: its branch, or the family of its deep link in the contract that it names.
    -- Found when events are gathered, so that it costs a signup nothing.
    SELECT left(
        CASE
            WHEN payload ? 'branch' THEN coalesce(payload ->> 'branch', 'none')
            WHEN payload ->> 'deep_link' IS NULL THEN 'none'
            ELSE coalesce(
                (
                    SELECT declared.family
                    FROM ghostwatch.branch_family AS declared
                    INNER JOIN ghostwatch.contract ON declared.contract_id = contract.contract_id
                    WHERE
                        contract.name = payload ->> 'contract'
                        AND payload ->> 'deep_link' LIKE declared.pattern
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
'What an event is counted by: its branch, or the family of its deep link in the contract that it names.';
