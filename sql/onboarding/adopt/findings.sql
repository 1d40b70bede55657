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
'What onboarding.adopt() returns: what it found and did, with the statement to type where something is left to do.
created: the names of the tables that adopt() has just created.';
