-- The rule of this file: what every /start must leave behind stands here, above everything that depends on the deep link,
-- and a new side effect is hoisted to here, never buried in a branch of the handler.
-- Why: incident FFM-907. A handler wrote these rows one after the other and then went into a ladder of branches; the one
-- for the link "kitchen" returned before the languages were written. 9 % of a month's new users never got a meme, and
-- nobody noticed until a friend complained. tests/onboarding/test_mutation.py keeps it so: it leaves out each step in
-- turn, and by every kind of link the contract must name what is missing. The numbers of the steps are for that test.
CREATE FUNCTION onboarding.start(
    user_id bigint,
    first_name text,
    username text DEFAULT NULL,
    last_name text DEFAULT NULL,
    is_premium boolean DEFAULT NULL,
    language_code text DEFAULT NULL,
    deep_link text DEFAULT NULL,
    OUT created boolean,
    OUT blocked boolean,
    OUT user_type text,
    OUT interface_language text,
    OUT memes_sent bigint,
    OUT memes_watched_today bigint
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that an application's role needs no right on ghostwatch's tables or on the rules.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $start$
-- Whatever a person typed, a signup is not lost over it: no text is an error, and none is longer than its column.
#variable_conflict use_column
DECLARE
    moment constant timestamptz := ghostwatch._clock();
    -- Telegram's own limits.
    its_first_name constant text := left(start.first_name, 64);
    its_last_name constant text := left(start.last_name, 64);
    its_username constant text := left(start.username, 32);
    own_language constant text := left(nullif(start.language_code, ''), 16);
    typed constant text := left(nullif(start.deep_link, ''), 65);
    -- What Telegram lets through as a deep link has at most 64 of these characters. Anything else was typed: it is marked,
    -- so that it is neither blocked nor kept as the link that it may look like.
    link constant text := CASE
        WHEN typed ~ '[^A-Za-z0-9_-]' OR length(typed) > 64 THEN '?' || regexp_replace(left(typed, 63), replace('[[#cntrl#]]', '#', ':'), ' ', 'g')
        ELSE typed
    END;
    -- pt of pt-br
    primary_language constant text := split_part(lower(own_language), '-', 1);
    full_name constant text := concat_ws(' ', its_first_name, its_last_name);
    is_adopted boolean;
    zone text;
    from_region boolean;
    languages text[];
BEGIN
    IF start.user_id IS NULL THEN
        RAISE EXCEPTION 'a /start without a user id'
        USING
            ERRCODE = 'GW102',
            HINT = 'SELECT * FROM onboarding.start(user_id => 42, first_name => ''Anna'');';
    END IF;

    -- One query for all that is declared: each query costs about as much as writing a row.
    SELECT
        EXISTS (SELECT FROM onboarding.adoption),
        (SELECT contract.time_zone FROM ghostwatch.contract WHERE contract.name = 'onboarding'),
        EXISTS (SELECT FROM onboarding.blocked_branch AS branch WHERE link LIKE branch.pattern),
        EXISTS (SELECT FROM onboarding.regional_language AS regional WHERE regional.language_code = primary_language)
    INTO is_adopted, zone, blocked, from_region;

    IF NOT is_adopted THEN
        RAISE EXCEPTION 'onboarding.adopt() was not called in database %', quote_ident(current_database())
        USING
            ERRCODE = 'GW101',
            DETAIL = 'It makes the tables that are missing, and the rules by which a new user gets languages.',
            HINT = 'As the role that installed ghostwatch_onboarding: SELECT * FROM onboarding.adopt();';
    END IF;

    IF blocked THEN
        blocked := NOT EXISTS (SELECT FROM public."user" AS known WHERE known.id = start.user_id);
        IF blocked THEN
            created := false;
            RETURN;
        END IF;
    END IF;

    -- Columns without time zone get the wall clock of the zone in which the contract reads them, whatever the session's.
    IF zone IS NOT NULL THEN
        PERFORM set_config('TimeZone', zone, true);
    END IF;

    -- 1. and 3. The Telegram profile, and on it the link: one that shares a meme is kept for ever.
    INSERT INTO public.user_tg AS known (
        id, first_name, username, last_name, is_premium, language_code, deep_link, updated_at
    )
    VALUES (
        start.user_id, coalesce(its_first_name, ''), its_username, its_last_name, start.is_premium,
        own_language, link, moment
    )
    ON CONFLICT (id) DO UPDATE SET
        first_name = coalesce(its_first_name, known.first_name),
        username = coalesce(excluded.username, known.username),
        last_name = coalesce(excluded.last_name, known.last_name),
        is_premium = coalesce(excluded.is_premium, known.is_premium),
        language_code = coalesce(excluded.language_code, known.language_code),
        deep_link = CASE
            WHEN known.deep_link ~ '^[sm]_[0-9]+_[0-9]+$' THEN known.deep_link
            ELSE coalesce(excluded.deep_link, known.deep_link)
        END,
        updated_at = excluded.updated_at;

    -- 2. The user; one who had blocked the bot and comes back has unblocked it.
    INSERT INTO public."user" (id, type, created_at, last_active_at)
    VALUES (start.user_id, 'user', moment, moment)
    ON CONFLICT (id) DO NOTHING;
    created := FOUND;

    IF NOT created THEN
        UPDATE public."user" AS known SET
            type = CASE known.type WHEN 'blocked_bot' THEN 'user' ELSE known.type END,
            last_active_at = moment,
            blocked_bot_at = NULL
        WHERE known.id = start.user_id;
    END IF;

    -- 7. The languages to begin with, the one for the interface first; whoever has any has chosen them.
    -- In two conditions: Postgres would plan (created OR NOT EXISTS ...) anew in every call.
    IF NOT created THEN
        PERFORM FROM public.user_language AS chosen WHERE chosen.user_id = start.user_id;
    END IF;
    IF created OR NOT FOUND THEN
        languages := onboarding._first_languages(full_name, own_language, from_region);
        INSERT INTO public.user_language (user_id, language_code)
        SELECT start.user_id, unnest(languages)
        ON CONFLICT DO NOTHING;
    END IF;

    -- 4. The cache: of a new user all is known, of any other it is built from what the steps above left.
    IF created THEN
        INSERT INTO onboarding.user_info AS info (
            user_id, user_type, memes_sent, memes_watched_today, interface_language, refreshed_at
        )
        VALUES (start.user_id, 'user', 0, 0, languages[1], moment)
        ON CONFLICT (user_id) DO NOTHING
        RETURNING info.user_type, info.interface_language, info.memes_sent, info.memes_watched_today
        INTO user_type, interface_language, memes_sent, memes_watched_today;
    END IF;
    -- The cache may hold the row of an earlier user with the same id; it is then built anew, too.
    IF user_type IS NULL THEN
        SELECT info.user_type, info.interface_language, info.memes_sent, info.memes_watched_today
        INTO user_type, interface_language, memes_sent, memes_watched_today
        FROM onboarding.refresh_user_info(start.user_id) AS info;
    END IF;

    -- 5. The log has one row for every /start, so that each way in can be counted.
    INSERT INTO public.user_deep_link_log (user_id, deep_link, created_at)
    VALUES (start.user_id, link, moment);

    -- 6. The announcement to the admins; sidecars poll for it, so that nobody waits for a NOTIFY.
    PERFORM ghostwatch.post_event('user_started', start.user_id::text, jsonb_build_object(
        'name', full_name,
        'username', its_username,
        'user_type', user_type,
        'branch', link,
        'contract', 'onboarding',
        'language', own_language,
        'new', created
    ));
END
$start$;

COMMENT ON FUNCTION onboarding.start(bigint, text, text, text, boolean, text, text) IS
'All that a /start must leave behind, in one transaction, for new and returning users alike, whatever the deep link.
The rule: universal side effects stand here, above the ladder of branches; a new one is hoisted to here, never buried in a branch.
Why: incident FFM-907, an early return in the branch kitchen, left 9 % of a month''s new users without languages, unnoticed until a friend complained.
Takes what Telegram tells of the user, cut to Telegram''s limits; a NULL never overwrites what is known. A deep_link that Telegram would not let through is logged with a ? before it, cut to 64 characters, and counts as unknown.
created: a new user. blocked: a new user who came by onboarding.blocked_branch; nothing was written. The rest is what the cache now holds.
Raises GW101 (before onboarding.adopt()), GW102 (no user id).';
