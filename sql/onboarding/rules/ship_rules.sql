CREATE FUNCTION onboarding._ship_rules()
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_ship_rules$
-- Fills the rule tables with the rules that most bots begin with; takes and returns nothing.
-- Done when the contract is first adopted and not by the installation: what the owner then changes or
-- deletes stays so, also through a dump, which carries the tables whole.
-- (The Russian alphabet stands in bytes, so that the script installs with any client_encoding.)
BEGIN
    INSERT INTO onboarding.blocked_branch (pattern, reason)
    VALUES
        ('likefollowbot', 'bought traffic: accounts that follow for pay'),
        ('tapps%', 'app catalogues whose visitors never come back')
    ON CONFLICT DO NOTHING;

    INSERT INTO onboarding.regional_language (language_code)
    SELECT unnest(ARRAY[
        'az', 'be', 'bg', 'bs', 'hr', 'kk', 'ky', 'mk', 'mn', 'ru', 'sl', 'sr', 'tg', 'tt', 'uk', 'uz'
    ])
    ON CONFLICT DO NOTHING;

    INSERT INTO onboarding.language_rule (name, name_pattern, in_region, language_code, interface_rank)
    VALUES
        ('name in Russian letters', convert_from('\x5bd0902dd0afd0b02dd18fd081d1915d', 'UTF8'), NULL, 'ru', 1),
        ('client in the region', NULL, true, 'ru', 1),
        ('client elsewhere', NULL, false, 'en', 2),
        ('the client''s own', NULL, NULL, NULL, NULL)
    ON CONFLICT DO NOTHING;
END
$_ship_rules$;

COMMENT ON FUNCTION onboarding._ship_rules() IS
'Fills the rule tables with the rules to begin with; called when the contract is first adopted.';
