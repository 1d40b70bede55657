-- ghostwatch_onboarding 0.1.0, for servers where no extension file can be placed.
-- Run it as the role that is to own it: psql --no-psqlrc --set ON_ERROR_STOP=1 --file ghostwatch_onboarding.sql
DO $install$
DECLARE
    _search_path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
BEGIN
SET LOCAL search_path = pg_catalog, pg_temp;
-- What the onboarding contract consists of, in load order.
-- Refuses to install without ghostwatch (GW903), over anything that is there already (GW901), or on top of a schema
-- ghostwatch whose owner this role need not trust (GW902): that role's functions would run with this role's rights.
-- Decides by the catalogs alone.
DO $guard$
DECLARE
    core_owner name;
    trusted    boolean;
    has_record boolean;
BEGIN
    SELECT
        pg_catalog.pg_get_userbyid(n.nspowner),
        r.rolsuper OR r.rolname = current_user,
        c.oid IS NOT NULL
    INTO core_owner, trusted, has_record
    FROM pg_catalog.pg_namespace AS n
    INNER JOIN pg_catalog.pg_roles AS r ON r.oid = n.nspowner
    LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = 'installation' AND c.relkind = 'r' AND c.relowner = n.nspowner
    WHERE n.nspname = 'ghostwatch';

    IF core_owner IS NULL OR (trusted AND NOT has_record) THEN
        RAISE EXCEPTION 'ghostwatch is not installed in database %', pg_catalog.current_database()
            USING ERRCODE = 'GW903',
                  DETAIL  = 'ghostwatch_onboarding declares its contract through it.',
                  HINT    = 'Install ghostwatch first: CREATE EXTENSION ghostwatch; or psql -v ON_ERROR_STOP=1 -f ghostwatch.sql';
    END IF;

    IF NOT trusted THEN
        RAISE EXCEPTION 'schema ghostwatch belongs to role %', pg_catalog.quote_ident(core_owner)
            USING ERRCODE = 'GW902',
                  DETAIL  = pg_catalog.format('Its functions would run with the rights of role %I.', current_user),
                  HINT    = pg_catalog.format('Install both with one role: SET ROLE %I;', core_owner);
    END IF;

    IF pg_catalog.to_regnamespace('onboarding') IS NOT NULL THEN
        RAISE EXCEPTION 'schema onboarding already exists in database %', pg_catalog.current_database()
            USING ERRCODE = 'GW901',
                  DETAIL  = 'It is what an installation of ghostwatch_onboarding creates.',
                  HINT    = 'To see the version, if it is one: SELECT * FROM onboarding.installation;';
    END IF;
END
$guard$;
CREATE SCHEMA onboarding;

COMMENT ON SCHEMA onboarding IS
'What every new user of the bot must get. Names that begin with _ are private.';
-- Which version of the onboarding contract this database has.
-- Written out: LIKE ... INCLUDING ALL would copy whatever defaults the other table has.
CREATE TABLE onboarding.installation (
    only_row boolean NOT NULL DEFAULT true,
    version text NOT NULL,
    kind text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    installed_by name NOT NULL DEFAULT current_user,
    CONSTRAINT installation_pkey PRIMARY KEY (only_row),
    CONSTRAINT installation_only_row_check CHECK (only_row),
    CONSTRAINT installation_kind_check CHECK (kind IN ('extension', 'plain'))
);

COMMENT ON TABLE onboarding.installation IS 'Which version of ghostwatch_onboarding is installed here, and how.';

INSERT INTO onboarding.installation (version, kind)
SELECT
    '0.1.0',
    CASE
        WHEN EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'ghostwatch_onboarding') THEN 'extension'
        ELSE 'plain'
    END;

COMMENT ON COLUMN onboarding.installation.only_row IS 'Always true: the table has one row.';
COMMENT ON COLUMN onboarding.installation.version IS 'The installed version.';
COMMENT ON COLUMN onboarding.installation.kind IS '''extension'' (CREATE EXTENSION) or ''plain'' (SQL script).';
COMMENT ON COLUMN onboarding.installation.installed_at IS 'When it was installed or restored.';
COMMENT ON COLUMN onboarding.installation.installed_by IS 'The role that installed it and owns it.';

-- rules: what start() decides by, kept as data
CREATE TABLE onboarding.blocked_branch (
    pattern text NOT NULL,
    reason text NOT NULL,
    CONSTRAINT blocked_branch_pkey PRIMARY KEY (pattern),
    -- Every /start asks it: one that LIKE cannot read would stop them all.
    CONSTRAINT blocked_branch_pattern_check CHECK (pattern ~ '^([^\\]|\\.)+$')
);

COMMENT ON TABLE onboarding.blocked_branch IS
'Deep links that bring no real users: a new user who comes by one gets no row at all. Change it freely.';
COMMENT ON COLUMN onboarding.blocked_branch.pattern IS 'A LIKE pattern of deep links; write \_ for an underscore.';
COMMENT ON COLUMN onboarding.blocked_branch.reason IS 'Why it is blocked, for whoever finds it here later.';
CREATE TABLE onboarding.regional_language (
    language_code text NOT NULL,
    CONSTRAINT regional_language_pkey PRIMARY KEY (language_code),
    CONSTRAINT regional_language_language_code_check CHECK (language_code ~ '^[a-z]{2,3}$')
);

COMMENT ON TABLE onboarding.regional_language IS
'The languages of the region; language rules distinguish clients in one of them from all others. Change it freely.';
COMMENT ON COLUMN onboarding.regional_language.language_code IS
'The first part of a client''s language tag: pt stands for pt-br too.';
CREATE TABLE onboarding.language_rule (
    name text NOT NULL,
    name_pattern text,
    in_region boolean,
    language_code text,
    interface_rank smallint,
    CONSTRAINT language_rule_pkey PRIMARY KEY (name),
    -- Every /start asks it: one that is no regular expression would stop them all.
    CONSTRAINT language_rule_name_pattern_check CHECK (name_pattern IS NULL OR ('' ~ name_pattern) IS NOT NULL)
);

COMMENT ON TABLE onboarding.language_rule IS
'Which meme languages a user starts with: those of every rule that applies. Change it freely.';
COMMENT ON COLUMN onboarding.language_rule.name_pattern IS
'A regular expression that the user''s name must match; NULL: any name.';
COMMENT ON COLUMN onboarding.language_rule.in_region IS
'Whether the client''s language must (true) or must not (false) be in onboarding.regional_language; NULL: either.';
COMMENT ON COLUMN onboarding.language_rule.language_code IS
'The language that the rule gives; NULL: the client''s own.';
COMMENT ON COLUMN onboarding.language_rule.interface_rank IS
'Of a user''s languages the interface takes one that no rule names, else the one with the lowest rank.';
CREATE FUNCTION onboarding._ship_rules()
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_ship_rules$
-- Fills those of the rule tables that are empty with the rules that most bots begin with.
-- Done when the contract is first adopted and not by the installation: what the owner then changes or
-- deletes stays so, also through a dump, which carries the tables whole.
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

-- contract: what every new user must get, and why
CREATE FUNCTION onboarding._outlasts_the_log(
    deep_link text,
    user_id bigint
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_outlasts_the_log$
-- Whether a link is the one to keep of all that were logged for a user: the first that shares a meme, else the last.
-- Takes the link that is kept, or NULL. One that shares a meme and is not in the log is older than the log, and stays.
DECLARE
    shares_a_meme constant text := '^[sm]_[0-9]+_[0-9]+$';
BEGIN
    RETURN (
        SELECT
            CASE
                WHEN count(l.deep_link) = 0 THEN true
                WHEN _outlasts_the_log.deep_link ~ shares_a_meme THEN coalesce(
                    min(l.id) FILTER (WHERE l.deep_link = _outlasts_the_log.deep_link)
                    = min(l.id) FILTER (WHERE l.deep_link ~ shares_a_meme),
                    true
                )
                ELSE
                    max(l.id) FILTER (WHERE l.deep_link = _outlasts_the_log.deep_link)
                    = max(l.id) FILTER (WHERE l.deep_link IS NOT NULL)
                    AND bool_and(l.deep_link !~ shares_a_meme)
            END
        FROM public.user_deep_link_log AS l
        WHERE l.user_id = _outlasts_the_log.user_id
    );
END
$_outlasts_the_log$;

COMMENT ON FUNCTION onboarding._outlasts_the_log(text, bigint) IS
'Whether a link is the one to keep of all that were logged for a user: the first that shares a meme, else the last. Part of the clause kept_deep_link.';
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
    description text
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 8
SET search_path = pg_catalog, pg_temp
AS $_clauses$
    -- The contract of the bot: what every new user must come to have, clause by clause, and why.
    -- Returns the arguments of ghostwatch.declare_invariant() in the order in which start() does its work;
    -- a clause without error_after is due at once. Descriptions are read by support staff.
    VALUES
        ('telegram_profile', 'public.user_tg', 'id'::name, NULL::name,
            NULL,
            NULL::interval, NULL::interval, 'a Telegram profile',
            'We save the name, username and language that Telegram tells us. Without them nobody can say who the user is or how to greet them.'),
        ('active_user', 'public."user"', 'id', NULL,
            'r.last_active_at IS NOT NULL AND NOT EXISTS ('
            'SELECT FROM public.user_deep_link_log AS l '
            'WHERE l.user_id = s.id AND l.created_at > r.last_active_at + interval ''1 minute'')',
            NULL, NULL, 'a date of last activity',
            'A user counts as active from their last /start on. Without that date they look as if they had left, and broadcasts pass them over.'),
        ('kept_deep_link', 'public.user_tg', 'id', NULL,
            -- The first condition is cheap and holds for nearly everyone; the second one reads the whole log of a user.
            'NOT EXISTS ('
            'SELECT FROM public.user_deep_link_log AS l '
            'WHERE l.user_id = s.id AND l.deep_link IS DISTINCT FROM r.deep_link) '
            'OR onboarding._outlasts_the_log(r.deep_link, s.id)',
            NULL, NULL, 'the deep link they came by',
            'We keep the link a user came by; one that shares a meme stays for ever. Without it whoever shared the meme goes unrewarded.'),
        ('user_info', 'onboarding.user_info', 'user_id', 'refreshed_at',
            NULL,
            NULL, NULL, 'a cached user info',
            'What every reply asks first (type, language, memes so far) is kept at hand. Without it the first replies are slow or in the wrong language.'),
        ('start_logged', 'public.user_deep_link_log', 'user_id', 'created_at',
            NULL,
            NULL, NULL, 'a logged start',
            'Every /start is logged, with or without a link. Without that, campaigns and invitations are counted wrong.'),
        ('start_announced', 'ghostwatch.event', 'subject_key', 'created_at',
            'r.kind = ''user_started''',
            NULL, NULL, 'an announcement to the admins',
            'Every start is announced in the admin chat. Without that, nobody sees who comes, and by which link. Announcements are kept for a day, so this cannot be checked for older users.'),
        ('languages', 'public.user_language', 'user_id', NULL,
            NULL,
            NULL, NULL, 'a language',
            'A user needs at least one language to get memes in. Without one the bot finds no meme for them: this is how users became ghosts.'),
        ('first_meme', 'public.user_meme_reaction', 'user_id', 'sent_at',
            NULL,
            '1 minute', '5 minutes', 'a first meme',
            'A new user should be sent a meme within minutes. Some never tap the language button; many at once mean that a path into the bot is broken.')
$_clauses$;

COMMENT ON FUNCTION onboarding._clauses() IS
'The clauses of the onboarding contract with the reason for each; onboarding.adopt() declares them.';
CREATE FUNCTION onboarding._declare_contract(
    leave_out text[],
    default_due_after interval,
    due_after interval,
    time_zone text,
    renew boolean
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_declare_contract$
-- Declares the contract onboarding, which belongs to whoever calls this, or what is missing of it.
-- The deadlines, rules, settings and words of an existing clause are kept, whoever declared it; so are its expressions,
-- unless they are to be renewed.
-- leave_out: clauses not to declare. default_due_after: the age at which what start() does is due in a new clause;
-- due_after: the same in every clause, or NULL. time_zone: in which birth times without one are read, or NULL.
DECLARE
    before ghostwatch.contract;
    clause record;
BEGIN
    SELECT c.* INTO before FROM ghostwatch.contract AS c WHERE c.name = 'onboarding';

    IF renew THEN
        PERFORM ghostwatch.declare_contract(
            'onboarding',
            'public."user"',
            branch_expression => '(SELECT t.deep_link FROM public.user_tg AS t WHERE t.id = s.id)',
            -- The table of blocked branches itself, so that start() and the contract never disagree.
            exempt_predicate =>
                's.type IN (''blocked_bot'', ''banned'', ''waitlist'') OR s.blocked_bot_at IS NOT NULL OR EXISTS ('
                'SELECT FROM public.user_tg AS t INNER JOIN onboarding.blocked_branch AS b ON t.deep_link LIKE b.pattern '
                'WHERE t.id = s.id)',
            time_zone => _declare_contract.time_zone,
            description => CASE
                WHEN before.description IS NULL THEN 'What every user who starts the bot must get, by whichever link they come.'
            END,
            subject_label => CASE
                WHEN coalesce(before.subject_label = 'new rows of ' || before.subject, true) THEN 'new users'
            END
        );

        PERFORM ghostwatch.declare_branch_family('onboarding', family.pattern, family.name)
        FROM (
            VALUES
                ('kitchen', 'kitchen'),
                ('wrapped', 'wrapped'),
                ('giveaway\_%', 'giveaway_*'),
                ('s\_%', 's_*'),
                ('m\_%', 'm_*'),
                ('ir\_%', 'ir_*'),
                ('sc\_%', 'sc_*')
        ) AS family (pattern, name)
        WHERE NOT EXISTS (
            SELECT FROM ghostwatch.branch_family AS b
            WHERE b.contract_id = before.contract_id AND b.pattern = family.pattern
        );
    ELSIF _declare_contract.time_zone IS NOT NULL THEN
        PERFORM ghostwatch.declare_contract('onboarding', time_zone => _declare_contract.time_zone);
    END IF;

    FOR clause IN
        SELECT
            shipped.*,
            declared.invariant_id IS NOT NULL AS is_declared,
            coalesce(declared.missing_label = replace(shipped.name, '_', ' '), true) AS lacks_label,
            declared.description IS NULL AS lacks_description,
            shipped.name = ANY (_declare_contract.leave_out) AS is_left_out
        FROM onboarding._clauses() AS shipped
        LEFT JOIN ghostwatch.invariant AS declared
            ON declared.contract_id = before.contract_id
                AND declared.name = shipped.name
    LOOP
        IF clause.is_left_out THEN
            IF clause.is_declared THEN
                PERFORM ghostwatch.drop_invariant('onboarding', clause.name);
            END IF;
            CONTINUE;
        END IF;

        IF renew OR NOT clause.is_declared THEN
            PERFORM ghostwatch.declare_invariant(
                'onboarding',
                clause.name,
                clause.related::regclass,
                clause.related_key_column,
                predicate => clause.predicate,
                related_at_column => clause.related_at_column,
                missing_label => CASE WHEN clause.lacks_label THEN clause.missing_label END,
                description => CASE WHEN clause.lacks_description THEN clause.description END,
                warn_after => CASE WHEN NOT clause.is_declared THEN clause.warn_after END,
                error_after => CASE WHEN NOT clause.is_declared THEN coalesce(clause.error_after, _declare_contract.default_due_after) END,
                reset => CASE WHEN clause.predicate IS NULL THEN ARRAY['predicate'] END
            );
        END IF;

        -- What is not due with what start() does has a deadline of its own.
        IF clause.error_after IS NULL AND _declare_contract.due_after IS NOT NULL THEN
            PERFORM ghostwatch.declare_invariant('onboarding', clause.name, error_after => _declare_contract.due_after);
        END IF;
    END LOOP;
END
$_declare_contract$;

COMMENT ON FUNCTION onboarding._declare_contract(text[], interval, interval, text, boolean) IS
'Declares the contract onboarding, or what is missing of it; called by onboarding.adopt().';

-- start: the one place where all of it is done
-- Logged, though its loss does no harm: a crash empties an unlogged table, and every new user of the last minutes
-- would then count as one without this row.
CREATE TABLE onboarding.user_info (
    user_id bigint NOT NULL,
    user_type text NOT NULL,
    memes_sent bigint NOT NULL,
    memes_watched_today bigint NOT NULL,
    interface_language text,
    refreshed_at timestamptz NOT NULL,
    CONSTRAINT user_info_pkey PRIMARY KEY (user_id)
) WITH (fillfactor = 80);

COMMENT ON TABLE onboarding.user_info IS
'A cache of what a handler asks about a user on every update; may be emptied at any time. Read it through onboarding.get_user_info().';
COMMENT ON COLUMN onboarding.user_info.memes_sent IS 'Memes sent to the user, ever.';
COMMENT ON COLUMN onboarding.user_info.memes_watched_today IS 'Memes reacted to on the day of refreshed_at, by the session''s time zone.';
COMMENT ON COLUMN onboarding.user_info.interface_language IS 'The one of the user''s languages that onboarding.language_rule.interface_rank puts first.';
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
-- Builds a user's row of the cache anew from the bot's own tables and returns it.
-- Takes the user's id; returns NULL for somebody who is no user.
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
'Builds a user''s row of the cache anew from the bot''s own tables and returns it; NULL for an id that is no user''s.';
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
-- Takes the user's id; returns NULL for somebody who is no user.
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
'The cached row of a user, built anew where it is missing or from another day; NULL for an id that is no user''s.';
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
-- Raises GW101 before onboarding.adopt(), GW102 without a user id.
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
        languages := ARRAY(
            SELECT coalesce(rule.language_code, own_language)
            FROM onboarding.language_rule AS rule
            WHERE coalesce(rule.language_code, own_language) IS NOT NULL
                AND (rule.name_pattern IS NULL OR full_name ~ rule.name_pattern)
                AND (rule.in_region IS NULL OR rule.in_region = from_region)
            ORDER BY
                CASE
                    WHEN rule.language_code IS NOT NULL THEN rule.interface_rank
                    ELSE (
                        SELECT min(named.interface_rank)
                        FROM onboarding.language_rule AS named
                        WHERE named.language_code = own_language
                    )
                END NULLS FIRST,
                coalesce(rule.language_code, own_language)
        );
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
CREATE FUNCTION onboarding.grant_app(
    role name
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $grant_app$
-- Gives an application's role what it needs to call start() and to read the cache, and no table.
-- Takes the role; granting again changes nothing.
-- Raises GW057 where there is no such role, GW058 where this session cannot grant.
BEGIN
    PERFORM ghostwatch._require_grantable(grant_app.role, 'onboarding');
    PERFORM ghostwatch._note_grant(grant_app.role, 'app');

    EXECUTE format('GRANT USAGE ON SCHEMA onboarding TO %I', grant_app.role);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION onboarding.start(bigint, text, text, text, boolean, text, text), '
        'onboarding.get_user_info(bigint), onboarding.refresh_user_info(bigint) TO %I',
        grant_app.role
    );
END
$grant_app$;

COMMENT ON FUNCTION onboarding.grant_app(name) IS
'Gives an application''s role what it needs to call onboarding.start() and to read the cache of user infos, and no right on any table.
Raises GW057 where there is no such role, GW058 where this session cannot grant.';

-- adopt: make the bot's own tables, or find out whether they fit
CREATE TABLE onboarding.adoption (
    only_row boolean NOT NULL DEFAULT true,
    keep_own_start boolean NOT NULL DEFAULT false,
    due_after interval NOT NULL DEFAULT '0',
    leave_out text[] NOT NULL DEFAULT '{}',
    CONSTRAINT adoption_pkey PRIMARY KEY (only_row),
    CONSTRAINT adoption_only_row_check CHECK (only_row)
);

COMMENT ON TABLE onboarding.adoption IS
'The last arguments of onboarding.adopt(); called again, it keeps what is not given. The defaults of the columns are those of its arguments.';
COMMENT ON COLUMN onboarding.adoption.only_row IS 'Always true: the table has one row.';
COMMENT ON COLUMN onboarding.adoption.keep_own_start IS 'Whether the application keeps its own /start.';
COMMENT ON COLUMN onboarding.adoption.due_after IS 'The age at which what /start does is due in a clause that is declared for the first time.';
COMMENT ON COLUMN onboarding.adoption.leave_out IS 'The clauses that the application does not keep.';
CREATE FUNCTION onboarding._needed_columns()
RETURNS TABLE (
    table_name text,
    column_name text,
    types text[],
    max_length integer
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 25
SET search_path = pg_catalog, pg_temp
AS $_needed_columns$
    -- The columns of the bot's tables that start() and the contract use, each with the types they can work with,
    -- and the length to which start() cuts what it writes there.
    VALUES
        ('user', 'id', '{bigint}'::text[], NULL::integer),
        ('user', 'type', '{text,character varying}', NULL),
        ('user', 'created_at', '{timestamp with time zone,timestamp without time zone}', NULL),
        ('user', 'last_active_at', '{timestamp with time zone,timestamp without time zone}', NULL),
        ('user', 'blocked_bot_at', '{timestamp with time zone,timestamp without time zone}', NULL),
        ('user_tg', 'id', '{bigint}', NULL),
        ('user_tg', 'username', '{text,character varying}', 32),
        ('user_tg', 'first_name', '{text,character varying}', 64),
        ('user_tg', 'last_name', '{text,character varying}', 64),
        ('user_tg', 'is_premium', '{boolean}', NULL),
        ('user_tg', 'language_code', '{text,character varying}', 16),
        ('user_tg', 'deep_link', '{text,character varying}', 64),
        ('user_tg', 'updated_at', '{timestamp with time zone,timestamp without time zone}', NULL),
        ('user_language', 'user_id', '{bigint}', NULL),
        ('user_language', 'language_code', '{text,character varying}', 16),
        ('user_deep_link_log', 'id', '{bigint,integer}', NULL),
        ('user_deep_link_log', 'user_id', '{bigint}', NULL),
        ('user_deep_link_log', 'deep_link', '{text,character varying}', 64),
        ('user_deep_link_log', 'created_at', '{timestamp with time zone,timestamp without time zone}', NULL),
        ('user_meme_reaction', 'user_id', '{bigint}', NULL),
        ('user_meme_reaction', 'sent_at', '{timestamp with time zone,timestamp without time zone}', NULL),
        ('user_meme_reaction', 'reacted_at', '{timestamp with time zone,timestamp without time zone}', NULL)
$_needed_columns$;

COMMENT ON FUNCTION onboarding._needed_columns() IS
'The columns of the bot''s tables that start() and the contract use, each with the types they can work with and the length to which start() cuts what it writes.';
CREATE FUNCTION onboarding._obstacles(
    keep_own_start boolean
)
RETURNS SETOF text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_obstacles$
    -- Why the existing tables cannot be adopted, one line for each reason; none where they can.
    -- keep_own_start: the application keeps its own /start, so what only onboarding.start() needs does not count.
    WITH existing AS (
        SELECT
            names.table_name,
            c.oid,
            c.relkind
        FROM (SELECT DISTINCT needed.table_name FROM onboarding._needed_columns() AS needed) AS names
        INNER JOIN pg_class AS c
            ON c.oid = to_regclass(format('public.%I', names.table_name))
    ),

    actual AS (
        SELECT
            existing.table_name,
            existing.oid,
            a.attname AS column_name,
            format_type(a.atttypid, NULL) AS type,
            CASE WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod > 0 THEN a.atttypmod - 4 END AS max_length,
            a.attnum,
            a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS must_be_given
        FROM existing
        INNER JOIN pg_attribute AS a
            ON a.attrelid = existing.oid
                AND a.attnum > 0
                AND NOT a.attisdropped
        WHERE existing.relkind IN ('r', 'p')
    )

    SELECT format('public.%I is not a table', existing.table_name)
    FROM existing
    WHERE existing.relkind NOT IN ('r', 'p')

    UNION ALL

    SELECT
        CASE
            WHEN actual.column_name IS NULL
                THEN format('public.%I has no column %I (%s)', needed.table_name, needed.column_name, needed.types[1])
            ELSE format(
                'public.%I.%I is of type %s, not %s',
                needed.table_name, needed.column_name, actual.type, array_to_string(needed.types, ' or ')
            )
        END
    FROM onboarding._needed_columns() AS needed
    INNER JOIN existing
        ON existing.table_name = needed.table_name
            AND existing.relkind IN ('r', 'p')
    LEFT JOIN actual
        ON actual.table_name = needed.table_name
            AND actual.column_name = needed.column_name
    WHERE actual.type IS NULL
        OR actual.type <> ALL (needed.types)

    UNION ALL

    SELECT format(
        'public.%I.%I must be given a value (NOT NULL, no default), and start() does not know it',
        actual.table_name, actual.column_name
    )
    FROM actual
    WHERE NOT _obstacles.keep_own_start
        AND actual.must_be_given
        AND actual.table_name <> 'user_meme_reaction'
        AND NOT EXISTS (
            SELECT FROM onboarding._needed_columns() AS needed
            WHERE needed.table_name = actual.table_name
                AND needed.column_name = actual.column_name
                -- Of the log, start() leaves the id to the table.
                AND (needed.table_name, needed.column_name) <> ('user_deep_link_log', 'id')
        )

    UNION ALL

    SELECT format(
        'public.%I.%I takes %s characters, and start() writes up to %s',
        actual.table_name, actual.column_name, actual.max_length, needed.max_length
    )
    FROM actual
    INNER JOIN onboarding._needed_columns() AS needed
        ON needed.table_name = actual.table_name
            AND needed.column_name = actual.column_name
    WHERE NOT _obstacles.keep_own_start
        AND actual.max_length < needed.max_length

    UNION ALL

    SELECT format('public.%I has no unique index on (id)', actual.table_name)
    FROM actual
    WHERE actual.table_name IN ('user', 'user_tg')
        AND actual.column_name = 'id'
        AND NOT EXISTS (
            SELECT FROM pg_index AS i
            WHERE i.indrelid = actual.oid
                AND i.indisunique
                AND i.indisvalid
                AND i.indpred IS NULL
                AND i.indnkeyatts = 1
                AND i.indkey[0] = actual.attnum
        )
$_obstacles$;

COMMENT ON FUNCTION onboarding._obstacles(boolean) IS
'Why the bot''s existing tables cannot be adopted, one line for each reason.';
CREATE FUNCTION onboarding._create_missing_tables()
RETURNS SETOF text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_create_missing_tables$
-- Creates those of the bot's tables that do not exist, and leaves the others alone.
-- They belong to whoever calls this and to no extension: removing ghostwatch never removes users.
-- A foreign key locks the table that it references, so its creation waits for no more than lock_timeout at a time.
-- Returns the names of those it created.
BEGIN
    IF to_regclass('public."user"') IS NULL THEN
        CREATE TABLE public."user" (
            id bigint PRIMARY KEY,
            type text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            last_active_at timestamptz,
            blocked_bot_at timestamptz
        );
        -- Check runs read the users in the order in which they came.
        CREATE INDEX user_created_at ON public."user" (created_at);
        COMMENT ON TABLE public."user" IS 'Everybody who ever started the bot.';
        COMMENT ON COLUMN public."user".id IS 'The Telegram user id.';
        COMMENT ON COLUMN public."user".type IS 'user, moderator, ...; waitlist, banned and blocked_bot get no memes.';
        COMMENT ON COLUMN public."user".blocked_bot_at IS 'When the user blocked the bot; NULL while they have not.';
        RETURN NEXT 'user';
    END IF;

    IF to_regclass('public.user_tg') IS NULL THEN
        CREATE TABLE public.user_tg (
            id bigint PRIMARY KEY,
            username text,
            first_name text NOT NULL,
            last_name text,
            is_premium boolean,
            language_code text,
            deep_link text,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz
        );
        COMMENT ON TABLE public.user_tg IS 'What Telegram last said about each user.';
        COMMENT ON COLUMN public.user_tg.deep_link IS
            'The first link that shared a meme, else the last link that the user came by.';
        RETURN NEXT 'user_tg';
    END IF;

    IF to_regclass('public.user_language') IS NULL THEN
        PERFORM ghostwatch._execute_locking(
            'public."user"',
            'ShareRowExclusiveLock',
            $create$
            CREATE TABLE public.user_language (
                user_id bigint NOT NULL REFERENCES public."user" (id) ON DELETE CASCADE,
                language_code text NOT NULL,
                created_at timestamptz NOT NULL DEFAULT now(),
                PRIMARY KEY (user_id, language_code)
            )
            $create$
        );
        COMMENT ON TABLE public.user_language IS 'The languages in which a user gets memes.';
        RETURN NEXT 'user_language';
    END IF;

    IF to_regclass('public.user_deep_link_log') IS NULL THEN
        PERFORM ghostwatch._execute_locking(
            'public."user"',
            'ShareRowExclusiveLock',
            $create$
            CREATE TABLE public.user_deep_link_log (
                id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
                user_id bigint NOT NULL REFERENCES public."user" (id) ON DELETE CASCADE,
                deep_link text,
                created_at timestamptz NOT NULL DEFAULT now()
            )
            $create$
        );
        CREATE INDEX user_deep_link_log_user_id ON public.user_deep_link_log (user_id);
        COMMENT ON TABLE public.user_deep_link_log IS 'Every /start, with the link it came by, if any.';
        RETURN NEXT 'user_deep_link_log';
    END IF;

    IF to_regclass('public.user_meme_reaction') IS NULL THEN
        PERFORM ghostwatch._execute_locking(
            'public."user"',
            'ShareRowExclusiveLock',
            $create$
            CREATE TABLE public.user_meme_reaction (
                user_id bigint NOT NULL REFERENCES public."user" (id) ON DELETE CASCADE,
                meme_id bigint NOT NULL,
                recommended_by text,
                sent_at timestamptz NOT NULL DEFAULT now(),
                reaction_id integer,
                reacted_at timestamptz,
                PRIMARY KEY (user_id, meme_id)
            )
            $create$
        );
        COMMENT ON TABLE public.user_meme_reaction IS 'Every meme sent to a user, and the user''s reaction.';
        COMMENT ON COLUMN public.user_meme_reaction.reacted_at IS 'When the user reacted; NULL while they have not.';
        RETURN NEXT 'user_meme_reaction';
    END IF;
END
$_create_missing_tables$;

COMMENT ON FUNCTION onboarding._create_missing_tables() IS
'Creates those of the bot''s tables that do not exist; returns their names.';
CREATE FUNCTION onboarding._findings(
    created text[]
)
RETURNS TABLE (
    object text,
    finding text,
    advice text
)
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_findings$
    -- One row for each finding: the object, what was found, and a statement to type, if any.
    -- created: the names of the tables that adopt() has just created.
    WITH bot AS (
        SELECT
            format('public.%I', names.table_name) AS object,
            to_regclass(format('public.%I', names.table_name)) AS relation,
            names.table_name,
            names.table_name = ANY (_findings.created) AS is_new
        FROM (SELECT DISTINCT needed.table_name FROM onboarding._needed_columns() AS needed) AS names
    ),

    start_function AS (
        SELECT p.proowner AS owner
        FROM pg_proc AS p
        WHERE p.oid = 'onboarding.start(bigint, text, text, text, boolean, text, text)'::regprocedure
    )

    SELECT
        bot.object,
        CASE WHEN bot.is_new THEN 'created' ELSE 'found' END,
        NULL
    FROM bot

    UNION ALL

    SELECT
        bot.object,
        format('has columns of its own, which stay as they are: %s', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)),
        NULL
    FROM bot
    INNER JOIN pg_attribute AS a
        ON a.attrelid = bot.relation
            AND a.attnum > 0
            AND NOT a.attisdropped
    WHERE NOT bot.is_new
        AND NOT EXISTS (
            SELECT FROM onboarding._needed_columns() AS needed
            WHERE needed.table_name = bot.table_name
                AND needed.column_name = a.attname
        )
    GROUP BY bot.object

    UNION ALL

    SELECT
        bot.object,
        format(
            'times without time zone: %s; start() writes them, and the contract reads births, by the clock of its zone (%s)',
            string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
            (SELECT contract.time_zone FROM ghostwatch.contract WHERE contract.name = 'onboarding')
        ),
        'SELECT * FROM onboarding.adopt(time_zone => ''UTC'');'
    FROM bot
    INNER JOIN pg_attribute AS a
        ON a.attrelid = bot.relation
            AND a.attnum > 0
            AND NOT a.attisdropped
            AND a.atttypid = 'timestamp'::regtype
    WHERE bot.table_name = 'user'
    GROUP BY bot.object

    UNION ALL

    SELECT
        bot.object,
        format('no index begins with %I: every check reads the whole table', looked_up.column_name),
        format('CREATE INDEX CONCURRENTLY ON %s (%I);', bot.object, looked_up.column_name)
    FROM (
        VALUES
            ('user', 'created_at'),
            ('user_language', 'user_id'),
            ('user_deep_link_log', 'user_id'),
            ('user_meme_reaction', 'user_id')
    ) AS looked_up (table_name, column_name)
    INNER JOIN bot
        ON bot.table_name = looked_up.table_name
    INNER JOIN pg_attribute AS a
        ON a.attrelid = bot.relation
            AND a.attname = looked_up.column_name
    WHERE NOT EXISTS (
            SELECT FROM pg_index AS i
            WHERE i.indrelid = bot.relation
                AND i.indisvalid
                AND i.indpred IS NULL
                AND i.indkey[0] = a.attnum
        )

    UNION ALL

    SELECT
        bot.object,
        format('start() runs as %s, who lacks %s on it', start_function.owner::regrole, string_agg(privilege.name, ', ')),
        format('GRANT %s ON %s TO %s;', string_agg(privilege.name, ', '), bot.object, start_function.owner::regrole)
    FROM bot
    CROSS JOIN start_function
    CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS privilege (name)
    WHERE NOT has_table_privilege(start_function.owner, bot.relation, privilege.name)
        AND (bot.table_name <> 'user_meme_reaction' OR privilege.name = 'SELECT')
        AND NOT EXISTS (SELECT FROM onboarding.adoption AS a WHERE a.keep_own_start)
    GROUP BY bot.object, start_function.owner

    UNION ALL

    SELECT
        format('database %I', current_database()),
        'does not know its encoding (SQL_ASCII): the rule for Russian letters takes those of any other alphabet for them',
        'Restore a dump into a database made with: CREATE DATABASE ... TEMPLATE template0 ENCODING ''UTF8'';'
    WHERE getdatabaseencoding() = 'SQL_ASCII'

    UNION ALL

    SELECT
        format('database %I', current_database()),
        format('has the encoding %s: a /start by somebody whose name has other letters fails before start() is called', getdatabaseencoding()),
        'Restore a dump into a database made with: CREATE DATABASE ... TEMPLATE template0 ENCODING ''UTF8'';'
    WHERE getdatabaseencoding() NOT IN ('SQL_ASCII', 'UTF8')

    UNION ALL

    SELECT
        'contract onboarding',
        format(
            'declared with %s invariants, for role %s: %s',
            count(*), contract.owner, string_agg(invariant.name, ', ' ORDER BY invariant.invariant_id)
        ),
        'SELECT * FROM ghostwatch.status;'
    FROM ghostwatch.contract
    INNER JOIN ghostwatch.invariant USING (contract_id)
    WHERE contract.name = 'onboarding'
    GROUP BY contract.contract_id
$_findings$;

COMMENT ON FUNCTION onboarding._findings(text[]) IS
'What onboarding.adopt() returns: what it found and did, with the statement to type where something is left to do.';
CREATE FUNCTION onboarding.adopt(
    keep_own_start boolean DEFAULT NULL,
    due_after interval DEFAULT NULL,
    leave_out text[] DEFAULT NULL,
    time_zone text DEFAULT NULL,
    renew boolean DEFAULT false
)
RETURNS TABLE (
    object text,
    finding text,
    advice text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $adopt$
-- Takes the bot's tables in public under the contract onboarding: creates those that are missing, alters none.
-- Called again, it declares what is missing and changes only what is given, so that it never reverts what an operator
-- declared otherwise.
-- Raises GW103 for tables that cannot be worked with, GW104 for clauses that do not exist, GW105 for an age that is
-- none; nothing is changed then.
DECLARE
    before onboarding.adoption;
    after onboarding.adoption;
    is_first boolean;
    obstacles text;
    unknown_clauses text[];
    start_owner constant regrole := (
        SELECT p.proowner::regrole FROM pg_proc AS p
        WHERE p.oid = 'onboarding.start(bigint, text, text, text, boolean, text, text)'::regprocedure
    );
    created text[];
BEGIN
    -- Of a contract that was dropped, nothing is kept.
    SELECT a.* INTO before
    FROM onboarding.adoption AS a
    WHERE EXISTS (SELECT FROM ghostwatch.contract AS c WHERE c.name = 'onboarding');
    is_first := NOT FOUND;
    after := ghostwatch._apply_declaration(
        before,
        jsonb_build_object('keep_own_start', adopt.keep_own_start, 'due_after', adopt.due_after, 'leave_out', adopt.leave_out),
        '{}'
    );

    unknown_clauses := ARRAY(
        SELECT quote_nullable(given.name) FROM unnest(after.leave_out) AS given (name)
        WHERE given.name IS NULL OR given.name NOT IN (SELECT c.name FROM onboarding._clauses() AS c)
    );
    IF unknown_clauses <> '{}' THEN
        RAISE EXCEPTION 'the onboarding contract has no clause %', array_to_string(unknown_clauses, ', ')
        USING
            ERRCODE = 'GW104',
            DETAIL = format('Its clauses: %s.', (SELECT string_agg(c.name, ', ') FROM onboarding._clauses() AS c)),
            HINT = 'SELECT * FROM onboarding.adopt(leave_out => ''{user_info,start_announced}'');';
    END IF;

    IF NOT after.due_after BETWEEN '0' AND '20 minutes' THEN
        RAISE EXCEPTION 'what /start does cannot be due after %', after.due_after
        USING
            ERRCODE = 'GW105',
            DETAIL = 'It is due at once (0), or within 20 minutes; after 25 minutes nobody looks for it any more.',
            HINT = 'SELECT * FROM onboarding.adopt(keep_own_start => true, due_after => ''1 minute'');';
    END IF;

    SELECT string_agg(o.obstacle, E'\n' ORDER BY o.obstacle)
    INTO obstacles
    FROM onboarding._obstacles(after.keep_own_start) AS o (obstacle);
    IF obstacles IS NOT NULL THEN
        RAISE EXCEPTION 'the tables of the bot in schema public cannot be adopted as they are'
        USING
            ERRCODE = 'GW103',
            DETAIL = obstacles,
            HINT = 'Change what is listed, or keep the application''s own /start: SELECT * FROM onboarding.adopt(keep_own_start => true);';
    END IF;

    created := ARRAY(SELECT t.name FROM onboarding._create_missing_tables() AS t (name));

    -- start() runs as its owner, who may be another role than the one whose tables these are.
    IF start_owner <> quote_ident(current_user)::regrole AND created <> '{}' THEN
        EXECUTE format(
            'GRANT SELECT, INSERT, UPDATE ON TABLE %s TO %s',
            (SELECT string_agg(format('public.%I', t.name), ', ') FROM unnest(created) AS t (name)),
            start_owner
        );
    END IF;

    -- Without a rule for languages, no new user would get one.
    IF is_first OR NOT EXISTS (SELECT FROM onboarding.language_rule) THEN
        PERFORM onboarding._ship_rules();
    END IF;

    PERFORM onboarding._declare_contract(after.leave_out, after.due_after, adopt.due_after, adopt.time_zone, is_first OR coalesce(adopt.renew, false));

    INSERT INTO onboarding.adoption AS a (keep_own_start, due_after, leave_out)
    VALUES (after.keep_own_start, after.due_after, after.leave_out)
    ON CONFLICT ON CONSTRAINT adoption_pkey DO UPDATE
    SET keep_own_start = excluded.keep_own_start,
        due_after = excluded.due_after,
        leave_out = excluded.leave_out;

    RETURN QUERY SELECT f.object, f.finding, f.advice FROM onboarding._findings(created) AS f;
END
$adopt$;

COMMENT ON FUNCTION onboarding.adopt(boolean, interval, text[], text, boolean) IS
'Takes the bot''s tables in public under the contract onboarding: creates those that are missing, alters none.
Returns what it found, with the statement to type where something is left to do.
Called again, it declares what is missing, changes only what is given, and keeps what an operator declared otherwise.
keep_own_start: the application keeps its own /start (default: false). due_after: the age (an interval, default: 0) at which what /start does is due.
leave_out: clauses that the application does not keep, such as {user_info,start_announced} (default: none). time_zone: in which birth times without one are read (default: this session''s).
renew: declare the expressions of every clause as this version brings them, in place of an operator''s.
Raises GW103 (tables that cannot be worked with, all listed; nothing is changed), GW104 (no such clause), GW105 (due_after is negative or too long).';

-- Default privileges of the installer may have let others in. Only the owner keeps its rights;
-- onboarding.grant_app() gives an application what it needs.
DO $grants$
DECLARE
    foreign_grant record;
BEGIN
    FOR foreign_grant IN
        SELECT DISTINCT f.revoke_statement
        FROM ghostwatch._foreign_grants('onboarding') AS f
    LOOP
        EXECUTE foreign_grant.revoke_statement;
    END LOOP;
END
$grants$;
PERFORM pg_catalog.set_config('search_path', _search_path, true);
END
$install$;
