CREATE FUNCTION onboarding._clauses()
RETURNS TABLE (
    name text,
    related text,
    related_key_column name,
    related_at_column name,
    predicate text,
    warn_after interval,
    error_after interval,
    missing_label text,
    description text,
    repair text
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 8
SET search_path = pg_catalog, pg_temp
AS $_clauses$
    -- The contract of the bot: what every new user must come to have, clause by clause, and why. Descriptions are read
    -- by support staff.
    VALUES
        ('telegram_profile', 'public.user_tg', 'id'::name, NULL::name,
            NULL,
            NULL::interval, NULL::interval, 'a Telegram profile',
            'We save the name, username and language that Telegram tells us. Without them nobody can say who the user is or how to greet them.',
            NULL::text),
        ('active_user', 'public."user"', 'id', NULL,
            'r.last_active_at IS NOT NULL AND NOT EXISTS ('
            'SELECT FROM public.user_deep_link_log AS l '
            'WHERE l.user_id = s.id AND l.created_at > r.last_active_at + interval ''1 minute'')',
            NULL, NULL, 'a date of last activity',
            'A user counts as active from their last /start on. Without that date they look as if they had left, and broadcasts pass them over.',
            'onboarding._restore_last_activity(bigint)'),
        ('kept_deep_link', 'public.user_tg', 'id', NULL,
            -- The first condition is cheap and holds for nearly everyone; the second one reads the whole log of a user.
            'NOT EXISTS ('
            'SELECT FROM public.user_deep_link_log AS l '
            'WHERE l.user_id = s.id AND l.deep_link IS DISTINCT FROM r.deep_link) '
            'OR onboarding._outlasts_the_log(r.deep_link, s.id)',
            NULL, NULL, 'the deep link they came by',
            'We keep the link a user came by; one that shares a meme stays for ever. Without it whoever shared the meme goes unrewarded.',
            'onboarding._restore_deep_link(bigint)'),
        ('user_info', 'onboarding.user_info', 'user_id', 'refreshed_at',
            NULL,
            NULL, NULL, 'a cached user info',
            'What every reply asks first (type, language, memes so far) is kept at hand. Without it the first replies are slow or in the wrong language.',
            'onboarding.refresh_user_info(bigint)'),
        ('start_logged', 'public.user_deep_link_log', 'user_id', 'created_at',
            NULL,
            NULL, NULL, 'a logged start',
            'Every /start is logged, with or without a link. Without that, campaigns and invitations are counted wrong.',
            'onboarding._restore_start_log(bigint)'),
        ('start_announced', 'ghostwatch.event', 'subject_key', 'created_at',
            'r.kind = ''user_started''',
            NULL, NULL, 'an announcement to the admins',
            'Every start is announced in the admin chat. Without that, nobody sees who comes, and by which link. Announcements are kept for a day, so this cannot be checked for older users.',
            NULL),
        ('languages', 'public.user_language', 'user_id', NULL,
            NULL,
            NULL, NULL, 'a language',
            'A user needs at least one language to get memes in. Without one the bot finds no meme for them: this is how users became ghosts.',
            'onboarding._restore_languages(bigint)'),
        ('first_meme', 'public.user_meme_reaction', 'user_id', 'sent_at',
            NULL,
            '1 minute', '5 minutes', 'a first meme',
            'A new user should be sent a meme within minutes. Some never tap the language button; many at once mean that a path into the bot is broken.',
            NULL)
$_clauses$;

COMMENT ON FUNCTION onboarding._clauses() IS
'The clauses of the onboarding contract with the reason for each; onboarding.adopt() declares them. Returns the
arguments of ghostwatch.declare_invariant() in the order in which start() does its work; a clause without error_after
is due at once, and one without a repair cannot be restored from what the bot knows.';
