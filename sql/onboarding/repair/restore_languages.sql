CREATE FUNCTION onboarding._restore_languages(
    user_id bigint
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_restore_languages$
-- Whoever has any language has chosen it. The cache holds the language of the interface.
BEGIN
    INSERT INTO public.user_language (user_id, language_code)
    SELECT profile.id, language.code
    FROM public.user_tg AS profile
    CROSS JOIN LATERAL unnest(onboarding._first_languages(
        concat_ws(' ', profile.first_name, profile.last_name),
        profile.language_code,
        EXISTS (
            SELECT
            FROM onboarding.regional_language AS regional
            WHERE regional.language_code = split_part(lower(profile.language_code), '-', 1)
        )
    )) AS language (code)
    WHERE profile.id = _restore_languages.user_id
        AND NOT EXISTS (SELECT FROM public.user_language AS chosen WHERE chosen.user_id = _restore_languages.user_id)
    ON CONFLICT DO NOTHING;

    IF FOUND THEN
        PERFORM onboarding.refresh_user_info(_restore_languages.user_id);
    END IF;
END
$_restore_languages$;

COMMENT ON FUNCTION onboarding._restore_languages(bigint) IS
'Gives a user without a language those that onboarding.start() would have given: the repair of the clause languages.
Does nothing for a user without a Telegram profile, which says the name and language.';
