CREATE FUNCTION onboarding.branch_family(
    deep_link text
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
AS $branch_family$
-- The family that the contract counts a deep link under: none without one, other where no pattern matches.
-- In PL/pgSQL, which keeps the plan of a query from call to call.
BEGIN
    IF branch_family.deep_link IS NULL THEN
        RETURN 'none';
    END IF;

    RETURN coalesce(
        (
            SELECT declared.family
            FROM ghostwatch.branch_family AS declared
            WHERE declared.contract_id = (SELECT c.contract_id FROM ghostwatch.contract AS c WHERE c.name = 'onboarding')
                AND branch_family.deep_link LIKE declared.pattern
            ORDER BY length(declared.pattern) DESC, declared.pattern
            LIMIT 1
        ),
        'other'
    );
END
$branch_family$;

COMMENT ON FUNCTION onboarding.branch_family(text) IS
'The family that the onboarding contract counts a deep link under.';
