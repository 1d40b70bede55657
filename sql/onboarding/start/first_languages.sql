CREATE FUNCTION onboarding._first_languages(
    full_name text,
    own_language text,
    from_region boolean
)
RETURNS text[]
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_first_languages$
-- Apart from start(), so that what is restored later is what start() would have written.
BEGIN
    RETURN ARRAY(
        SELECT coalesce(rule.language_code, own_language)
        FROM onboarding.language_rule AS rule
        WHERE coalesce(rule.language_code, own_language) IS NOT NULL
            AND (rule.name_pattern IS NULL OR full_name ~ rule.name_pattern)
            AND (rule.in_region IS NULL OR rule.in_region = from_region)
        ORDER BY
            CASE
                WHEN rule.language_code IS NOT NULL THEN rule.interface_rank
                ELSE (
                    SELECT min(named.interface_rank)
                    FROM onboarding.language_rule AS named
                    WHERE named.language_code = own_language
                )
            END NULLS FIRST,
            coalesce(rule.language_code, own_language)
    );
END
$_first_languages$;

COMMENT ON FUNCTION onboarding._first_languages(text, text, boolean) IS
'The languages that a new user begins with, by onboarding.language_rule; the one for the interface first.
full_name, own_language: what Telegram says. from_region: whether onboarding.regional_language lists the language.';
