CREATE FUNCTION ghostwatch._doctor_transactions()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_transactions$
-- A signup that is committed late is missed where its transaction cannot be seen.
DECLARE
    as_of   constant timestamptz := ghostwatch._clock();
    is_long constant interval := '5 minutes'::interval;
    is_well          boolean := true;
BEGIN
    -- pg_stat_activity hides the transactions of others from roles without pg_read_all_stats.
    RETURN QUERY
    SELECT
        'late commits',
        'warning',
        format(
            '%s cannot see how old the transactions of other roles are: in contract %s, a subject whose transaction is open '
            'for longer than %s (its lateness) before it commits is missed.',
            c.owner, c.name, c.lateness
        ),
        format('GRANT pg_read_all_stats TO %s;', c.owner)
    FROM ghostwatch.contract AS c
    INNER JOIN pg_roles AS o
        ON o.oid = c.owner
    WHERE NOT pg_has_role(c.owner, 'pg_read_all_stats', 'USAGE')
    ORDER BY c.name;
    is_well := is_well AND NOT FOUND;

    RETURN QUERY
    SELECT
        'late commits',
        'warning',
        format(
            'Process %s (%s, %s) has a transaction open since %s. The watermarks wait for it.',
            a.pid, a.usename, coalesce(nullif(a.application_name, ''), a.state), a.xact_start::timestamptz(0)
        ),
        format('SELECT pg_terminate_backend(%s);', a.pid)
    FROM pg_stat_activity AS a
    WHERE a.datname = current_database()
        AND a.pid <> pg_backend_pid()
        AND a.backend_type NOT IN ('autovacuum worker', 'walsender')
        AND a.xact_start < as_of - is_long
    ORDER BY a.xact_start;
    is_well := is_well AND NOT FOUND;

    RETURN QUERY
    SELECT
        'late commits',
        'warning',
        format('Transaction %L of %s is prepared since %s and neither committed nor rolled back. The watermarks wait for it.', p.gid, p.owner, p.prepared::timestamptz(0)),
        format('ROLLBACK PREPARED %1$L; -- or COMMIT PREPARED %1$L;', p.gid)
    FROM pg_prepared_xacts AS p
    WHERE p.database = current_database()
        AND p.prepared < as_of - is_long
    ORDER BY p.prepared;
    is_well := is_well AND NOT FOUND;

    RETURN QUERY
    SELECT
        'late commits',
        'warning',
        format('Contract %s reads %s, %s. ', c.name, u.relation, u.description)
        || CASE
            WHEN u.seen_up_to = '-infinity' THEN 'Its watermarks stay where they are until that changes.'
            ELSE format(
                'How old the transactions are that write it cannot be seen: a subject that appears more than %s after its birth is missed.',
                unseen.longest + c.lateness
            )
        END,
        CASE
            WHEN u.seen_up_to = '-infinity' THEN 'SELECT * FROM pg_stat_subscription;'
            ELSE format('SELECT ghostwatch.set_setting(''longest_unseen_transaction'', %L); -- if one may take longer', unseen.longest * 2)
        END
    FROM ghostwatch.contract AS c
    CROSS JOIN LATERAL ghostwatch._unseen_sources(c.subject) AS u
    CROSS JOIN (SELECT ghostwatch._setting('longest_unseen_transaction')::interval AS longest) AS unseen
    ORDER BY c.name, u.relation::text;
    is_well := is_well AND NOT FOUND;

    IF is_well THEN
        RETURN QUERY
        SELECT 'late commits', 'ok', 'Transactions can be seen, and none is open for long.', NULL::text;
    END IF;
END
$_doctor_transactions$;

COMMENT ON FUNCTION ghostwatch._doctor_transactions() IS
'The doctor on signups that are committed late: which owners see other transactions, which contracts read
what other servers write, and which transactions have been open for long.';
