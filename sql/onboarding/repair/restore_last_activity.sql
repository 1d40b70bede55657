CREATE FUNCTION onboarding._restore_last_activity(
    user_id bigint
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_restore_last_activity$
-- Where the columns differ in whether they have a time zone, the contract says which it is.
BEGIN
    PERFORM set_config('TimeZone', coalesce((SELECT c.time_zone FROM ghostwatch.contract AS c WHERE c.name = 'onboarding'), 'UTC'), true);

    UPDATE public."user" AS u
    SET last_active_at = greatest(
        u.last_active_at,
        u.created_at,
        (SELECT max(log.created_at) FROM public.user_deep_link_log AS log WHERE log.user_id = u.id)
    )
    WHERE u.id = _restore_last_activity.user_id;
END
$_restore_last_activity$;

COMMENT ON FUNCTION onboarding._restore_last_activity(bigint) IS
'Sets a user''s date of last activity to the last start that is logged, never back: the repair of the clause active_user.';
