CREATE FUNCTION onboarding._restore_start_log(
    user_id bigint
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_restore_start_log$
-- The start was when the user came. Where one of the two columns has a time zone and the other has none, the contract says which it is.
BEGIN
    PERFORM set_config('TimeZone', coalesce((SELECT c.time_zone FROM ghostwatch.contract AS c WHERE c.name = 'onboarding'), 'UTC'), true);

    INSERT INTO public.user_deep_link_log (user_id, deep_link, created_at)
    SELECT u.id, profile.deep_link, u.created_at
    FROM public."user" AS u
    LEFT JOIN public.user_tg AS profile
        ON profile.id = u.id
    WHERE u.id = _restore_start_log.user_id
        AND NOT EXISTS (SELECT FROM public.user_deep_link_log AS log WHERE log.user_id = _restore_start_log.user_id);
END
$_restore_start_log$;

COMMENT ON FUNCTION onboarding._restore_start_log(bigint) IS
'Logs the first start of a user for whom none is logged, with the link of the profile: the repair of the clause start_logged.';
