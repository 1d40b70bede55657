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
'The columns of the bot''s tables that start() and the contract use, each with the types they can work with, and the
length to which start() cuts what it writes there.';
