CREATE FUNCTION onboarding._ship_rules()
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_ship_rules$
-- Done when the contract is first adopted and not by the installation: what the owner then changes or deletes stays so,
-- also through a dump, which carries the tables whole.
DECLARE
    russian_letters text;
BEGIN
    -- In bytes, so that the script installs with any client_encoding. An encoding that lacks these letters needs no rule.
    BEGIN
        russian_letters := convert_from('\x5bd0902dd0afd0b02dd18fd081d1915d', 'UTF8');
    EXCEPTION
        WHEN untranslatable_character OR feature_not_supported OR undefined_function THEN
            NULL;
    END;

    INSERT INTO onboarding.blocked_branch (pattern, reason)
    SELECT shipped.pattern, shipped.reason
    FROM (
        VALUES
            ('likefollowbot', 'bought traffic: accounts that follow for pay'),
            ('tapps%', 'app catalogues whose visitors never come back')
    ) AS shipped (pattern, reason)
    WHERE NOT EXISTS (SELECT FROM onboarding.blocked_branch);

    INSERT INTO onboarding.regional_language (language_code)
    SELECT unnest(ARRAY[
        'az', 'be', 'bg', 'bs', 'hr', 'kk', 'ky', 'mk', 'mn', 'ru', 'sl', 'sr', 'tg', 'tt', 'uk', 'uz'
    ])
    WHERE NOT EXISTS (SELECT FROM onboarding.regional_language);

    INSERT INTO onboarding.language_rule (name, name_pattern, in_region, language_code, interface_rank)
    SELECT shipped.name, shipped.name_pattern, shipped.in_region, shipped.language_code, shipped.interface_rank
    FROM (
        VALUES
            ('name in Russian letters', russian_letters, NULL, 'ru', 1),
            ('client in the region', NULL, true, 'ru', 1),
            ('client elsewhere', NULL, false, 'en', 2),
            ('the client''s own', NULL, NULL, NULL, NULL)
    ) AS shipped (name, name_pattern, in_region, language_code, interface_rank)
    WHERE NOT EXISTS (SELECT FROM onboarding.language_rule)
        AND (shipped.name_pattern IS NOT NULL OR shipped.name <> 'name in Russian letters');
END
$_ship_rules$;

COMMENT ON FUNCTION onboarding._ship_rules() IS
'Fills those of the rule tables that are empty with the rules to begin with; called when the contract is first adopted.';
