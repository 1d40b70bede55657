CREATE FUNCTION ghostwatch.enforce(
    contract text,
    mode text
)
RETURNS TABLE (
    invariant text,
    subjects bigint,
    refused bigint
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $enforce$
-- Turns on or off that the invariants which are due at once are checked at COMMIT.
-- mode: 'reject' refuses a transaction that leaves a subject without its rows, 'warn' records a violation at once,
-- 'observe' leaves everything to check runs. Returns, for each such invariant and in the last row for all of them,
-- how many subjects of the last day are judged by it and how many would be refused, as their rows are now.
-- Raises GW001, GW070 (no such mode), GW071 (nothing is due at once), GW072 (a subject that takes no such trigger),
-- GW073 (the contract is another role's).
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
-- and it gives the columns of the result, which no static check can tell: @plpgsql_check_options: other_warnings = false, extra_warnings = false
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    its_contract_id constant integer := ghostwatch._contract_id(contract);
    enforced ghostwatch.contract;
    queries text;
BEGIN
    SELECT c.* INTO enforced FROM ghostwatch.contract AS c WHERE c.contract_id = its_contract_id;

    IF mode IS NULL OR mode NOT IN ('observe', 'warn', 'reject') THEN
        RAISE EXCEPTION 'there is no mode %', quote_nullable(mode)
        USING
            ERRCODE = 'GW070',
            DETAIL = 'observe: check runs only. warn: record violations at COMMIT. reject: refuse them there.',
            HINT = format('SELECT * FROM ghostwatch.enforce(%L, %L);', contract, 'warn');
    END IF;

    -- Stricter than elsewhere: the trigger's function is to belong to the owner, not to a member of that role.
    IF enforced.owner <> quote_ident(current_user)::regrole THEN
        RAISE EXCEPTION 'contract % is enforced by role % only', quote_literal(contract), enforced.owner
        USING
            ERRCODE = 'GW073',
            DETAIL = format('This session runs as %I; enforcement runs in everybody''s transactions with the rights of the contract''s owner.', current_user),
            HINT = format('SET ROLE %s; SELECT * FROM ghostwatch.enforce(%L, %L);', enforced.owner, contract, mode);
    END IF;

    IF mode = 'observe' THEN
        UPDATE ghostwatch.contract AS c SET enforcement = mode WHERE c.contract_id = its_contract_id;
        RETURN;
    END IF;

    IF NOT EXISTS (SELECT FROM ghostwatch._clause AS c WHERE c.contract_id = its_contract_id AND c.error_after = '0') THEN
        RAISE EXCEPTION 'contract % has no invariant that is due at once', quote_literal(contract)
        USING
            ERRCODE = 'GW071',
            DETAIL = 'Only an invariant with error_after of 0 can be checked when a subject is committed.',
            HINT = format('SELECT ghostwatch.declare_invariant(%L, ''name'', ''related_table'', ''subject_id'', error_after => ''0'');', contract);
    END IF;

    IF (SELECT c.relkind FROM pg_class AS c WHERE c.oid = enforced.subject) NOT IN ('r', 'p') THEN
        RAISE EXCEPTION 'contract % cannot be enforced: % is not a table', quote_literal(contract), enforced.subject
        USING
            ERRCODE = 'GW072',
            DETAIL = 'Only tables and partitioned tables of this server have constraint triggers.',
            HINT = 'Enforce a contract over the table behind it.';
    END IF;

    -- Counted first: the trigger takes a lock that signups would wait for.
    -- By the birth times that the rows carry, also under capture: arrivals are not kept for a day.
    SELECT string_agg(
        format(
            'SELECT %L::text AS invariant, %s AS place, q.* FROM (%s) AS q WHERE NOT (q.exempt_by_branch OR q.exempt_by_predicate)',
            c.invariant, c.invariant_id,
            ghostwatch._subject_query(c, format(
                '(SELECT s.*, %s AS _arrived_at FROM %s AS s WHERE %s) AS s',
                ghostwatch._written_birth(c), c.subject, ghostwatch._born_between(c, as_of - '1 day'::interval, as_of)
            ))
        ),
        E'\nUNION ALL\n'
    )
    INTO queries
    FROM ghostwatch._clause AS c
    WHERE c.contract_id = its_contract_id
        AND c.error_after = '0';

    PERFORM set_config('search_path', enforced.search_path, true);
    RETURN QUERY EXECUTE format(
        'SELECT coalesce(j.invariant, ''all''), count(DISTINCT j.subject_key), count(DISTINCT j.subject_key) FILTER (WHERE NOT j.satisfied) '
        'FROM (%s) AS j GROUP BY GROUPING SETS ((j.invariant, j.place), ()) ORDER BY j.place',
        queries
    );
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);

    UPDATE ghostwatch.contract AS c SET enforcement = mode WHERE c.contract_id = its_contract_id;
END
$enforce$;

COMMENT ON FUNCTION ghostwatch.enforce(text, text) IS
'Turns on or off that invariants with error_after 0 are checked at COMMIT.
mode: reject (refuse the transaction, GW079), warn (record a violation at once), observe (check runs only; the default).
Returns per invariant, and in the last row for all, how many subjects of the last day are judged and how many would be refused.
Raises GW001 (no such contract), GW070 (no such mode), GW071 (nothing is due at once), GW072 (not a table), GW073 (another role''s contract).';
