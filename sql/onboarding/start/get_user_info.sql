CREATE FUNCTION onboarding.get_user_info(
    user_id bigint
)
RETURNS onboarding.user_info
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that an application needs no right on the cache.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $get_user_info$
-- What the cache knows of a user, built anew where it was lost or is of another day.
DECLARE
    cached onboarding.user_info;
BEGIN
    SELECT info.*
    INTO cached
    FROM onboarding.user_info AS info
    WHERE info.user_id = get_user_info.user_id
        AND info.refreshed_at >= date_trunc('day', ghostwatch._clock());

    IF NOT FOUND THEN
        cached := onboarding.refresh_user_info(get_user_info.user_id);
    END IF;

    RETURN cached;
END
$get_user_info$;

COMMENT ON FUNCTION onboarding.get_user_info(bigint) IS
'The cached row of a user, built anew where it is missing or from another day; NULL for an id that is no user''s. ';
