CREATE FUNCTION onboarding._needed_columns()
RETURNS TABLE (
    table_name text,
    column_name text,
    types text[]
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 25
SET search_path = pg_catalog, pg_temp
AS $_needed_columns$
    -- The columns of the bot's tables that start() and the contract use, each with the types they can work with.
    VALUES
        ('user', 'id', '{bigint}'::text[]),
        ('user', 'type', '{text,character varying}'),
        ('user', 'created_at', '{timestamp with time zone,timestamp without time zone}'),
        ('user', 'last_active_at', '{timestamp with time zone,timestamp without time zone}'),
        ('user', 'blocked_bot_at', '{timestamp with time zone,timestamp without time zone}'),
        ('user_tg', 'id', '{bigint}'),
        ('user_tg', 'username', '{text,character varying}'),
        ('user_tg', 'first_name', '{text,character varying}'),
        ('user_tg', 'last_name', '{text,character varying}'),
        ('user_tg', 'is_premium', '{boolean}'),
        ('user_tg', 'language_code', '{text,character varying}'),
        ('user_tg', 'deep_link', '{text,character varying}'),
        ('user_tg', 'updated_at', '{timestamp with time zone,timestamp without time zone}'),
        ('user_language', 'user_id', '{bigint}'),
        ('user_language', 'language_code', '{text,character varying}'),
        ('user_deep_link_log', 'id', '{bigint,integer}'),
        ('user_deep_link_log', 'user_id', '{bigint}'),
        ('user_deep_link_log', 'deep_link', '{text,character varying}'),
        ('user_deep_link_log', 'created_at', '{timestamp with time zone,timestamp without time zone}'),
        ('user_meme_reaction', 'user_id', '{bigint}'),
        ('user_meme_reaction', 'sent_at', '{timestamp with time zone,timestamp without time zone}'),
        ('user_meme_reaction', 'reacted_at', '{timestamp with time zone,timestamp without time zone}')
$_needed_columns$;

COMMENT ON FUNCTION onboarding._needed_columns() IS
'The columns of the bot''s tables that start() and the contract use, each with the types they can work with.';
