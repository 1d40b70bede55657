CREATE FUNCTION onboarding.refresh_user_info(
    user_id bigint
)
RETURNS onboarding.user_info
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that an application needs no right on the cache.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $refresh_user_info$
#variable_conflict use_column
DECLARE
    refreshed onboarding.user_info;
    moment timestamptz := ghostwatch._clock();
BEGIN
    INSERT INTO onboarding.user_info AS cached (
        user_id, user_type, memes_sent, memes_watched_today, interface_language, refreshed_at
    )
    SELECT
        u.id,
        u.type,
        memes.sent,
        memes.watched_today,
        (
            SELECT chosen.language_code
            FROM public.user_language AS chosen
            LEFT JOIN onboarding.language_rule AS rule
                ON chosen.language_code = rule.language_code
            WHERE chosen.user_id = u.id
            ORDER BY rule.interface_rank NULLS FIRST, chosen.language_code
            LIMIT 1
        ),
        moment
    FROM public."user" AS u
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS sent,
            count(*) FILTER (WHERE reaction.reacted_at >= date_trunc('day', moment)) AS watched_today
        FROM public.user_meme_reaction AS reaction
        WHERE reaction.user_id = u.id
    ) AS memes
    WHERE u.id = refresh_user_info.user_id
    ON CONFLICT (user_id) DO UPDATE SET
        user_type = excluded.user_type,
        memes_sent = excluded.memes_sent,
        memes_watched_today = excluded.memes_watched_today,
        interface_language = excluded.interface_language,
        refreshed_at = excluded.refreshed_at
    RETURNING cached.* INTO refreshed;

    RETURN refreshed;
END
$refresh_user_info$;

COMMENT ON FUNCTION onboarding.refresh_user_info(bigint) IS
'Builds a user''s row of the cache anew from the bot''s own tables and returns it; NULL for an id that is no user''s.
';
