CREATE FUNCTION onboarding.branch_family(
    deep_link text
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
AS $branch_family$
    -- The family that the contract counts a deep link under: none without one, other where no pattern matches.
    SELECT CASE
        WHEN branch_family.deep_link IS NULL THEN 'none'
        ELSE coalesce(
            (
                SELECT declared.family
                FROM ghostwatch.branch_family AS declared
                INNER JOIN ghostwatch.contract USING (contract_id)
                WHERE contract.name = 'onboarding'
                    AND branch_family.deep_link LIKE declared.pattern
                ORDER BY length(declared.pattern) DESC, declared.pattern
                LIMIT 1
            ),
            'other'
        )
    END
$branch_family$;

COMMENT ON FUNCTION onboarding.branch_family(text) IS
'The family that the onboarding contract counts a deep link under.';
