CREATE FUNCTION onboarding._restore_deep_link(
    user_id bigint
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_restore_deep_link$
BEGIN
    UPDATE public.user_tg AS profile
    SET deep_link = log.deep_link
    FROM public.user_deep_link_log AS log
    WHERE profile.id = _restore_deep_link.user_id
        AND onboarding._outlasts_the_log(profile.deep_link, profile.id) IS NOT TRUE
        AND log.user_id = profile.id
        AND log.deep_link IS NOT NULL
        AND onboarding._outlasts_the_log(log.deep_link, log.user_id);
END
$_restore_deep_link$;

COMMENT ON FUNCTION onboarding._restore_deep_link(bigint) IS
'Keeps the link that onboarding.start() would have kept of all that are logged for a user: the repair of the clause kept_deep_link.';
