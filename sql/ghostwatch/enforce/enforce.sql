CREATE FUNCTION ghostwatch.enforce(
    contract text,
    mode text,
    dry_run boolean DEFAULT false,
    force boolean DEFAULT false
)
RETURNS SETOF ghostwatch._enforcement_preview
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $enforce$
-- The subjects of the last day are counted first: turning enforcement on takes a lock that signups would wait for.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    its_contract_id constant integer := ghostwatch._contract_id(contract);
    enforced ghostwatch.contract;
    total ghostwatch._enforcement_preview;
    unfit regclass;
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
    IF ghostwatch._contract_owner(its_contract_id) <> quote_ident(current_user)::regrole THEN
        RAISE EXCEPTION 'contract % is enforced by role % only', quote_literal(contract), ghostwatch._contract_owner(its_contract_id)
        USING
            ERRCODE = 'GW073',
            DETAIL = format('This session runs as %I; enforcement runs in everybody''s transactions with the rights of the contract''s owner.', current_user),
            HINT = format('SET ROLE %s; SELECT * FROM ghostwatch.enforce(%L, %L);', ghostwatch._contract_owner(its_contract_id), contract, mode);
    END IF;

    IF mode = 'observe' THEN
        IF dry_run IS NOT TRUE THEN
            PERFORM ghostwatch._enforcement_follows_contract(enforced, ghostwatch._set_enforcement(its_contract_id, mode));
        END IF;
        RETURN;
    END IF;

    IF NOT EXISTS (SELECT FROM ghostwatch._clause AS c WHERE c.contract_id = its_contract_id AND c.error_after = '0') THEN
        RAISE EXCEPTION 'contract % has no invariant that is due at once', quote_literal(contract)
        USING
            ERRCODE = 'GW071',
            DETAIL = 'Only an invariant with error_after of 0 can be checked when a subject is committed.',
            HINT = format('SELECT ghostwatch.declare_invariant(%L, ''name'', ''related_table'', ''subject_id'', error_after => ''0'');', contract);
    END IF;

    unfit := ghostwatch._without_triggers(enforced.subject);
    IF unfit IS NOT NULL THEN
        RAISE EXCEPTION 'contract % cannot be enforced: % is not a table of this server', quote_literal(contract), unfit
        USING
            ERRCODE = 'GW072',
            DETAIL = 'Only tables and partitioned tables of this server have constraint triggers.',
            HINT = 'Enforce a contract over the table behind it.';
    END IF;

    -- The preview runs the expressions of the contract.
    PERFORM ghostwatch._require_runnable(contract);
    FOR total IN
        SELECT p.* FROM ghostwatch._preview(its_contract_id, as_of) AS p
    LOOP
        RETURN NEXT total;
    END LOOP;

    IF dry_run THEN
        RETURN;
    END IF;

    -- The last row is that of all clauses together. Who is unknown counts neither way.
    IF total.refused * 2 > total.subjects - total.unknown THEN
        IF mode = 'reject' AND force IS NOT TRUE AND enforced.enforcement <> 'reject' THEN
            RAISE EXCEPTION 'contract % would refuse % of %', quote_literal(contract), total.refused, ghostwatch._pluralize(total.subjects, 'subject')
            USING
                ERRCODE = 'GW074',
                DETAIL = format(
                    'Of the last day, %s lack a row by now and %s got one in a later transaction than their own; of %s it cannot be said.',
                    total.missing, total.separate, total.unknown
                ),
                HINT = format(
                    'To see them by clause: SELECT * FROM ghostwatch.enforce(%1$L, ''reject'', dry_run => true); '
                    'once the application writes them in one transaction: SELECT * FROM ghostwatch.enforce(%1$L, ''reject'', force => true);',
                    contract
                );
        ELSIF mode = 'warn' THEN
            RAISE WARNING 'contract % would record a violation for % of %',
                quote_literal(contract), total.refused, ghostwatch._pluralize(total.subjects, 'subject')
            USING HINT = format('SELECT * FROM ghostwatch.enforce(%L, %L);', contract, 'observe');
        END IF;
    END IF;

    PERFORM ghostwatch._enforcement_follows_contract(enforced, ghostwatch._set_enforcement(its_contract_id, mode));

    -- Where it was on already, this mends it: a trigger that is gone, or names that have changed.
    IF enforced.enforcement <> 'observe' THEN
        PERFORM ghostwatch._install_enforcement(its_contract_id);
    END IF;
END
$enforce$;

COMMENT ON FUNCTION ghostwatch.enforce(text, text, boolean, boolean) IS
'Turns on or off that invariants with error_after 0 are checked at COMMIT.
mode: reject (refuse the transaction, GW079), warn (record a violation at once), observe (check runs only; the default). dry_run: count, and change nothing. force: reject although that would refuse most subjects.
Returns per invariant, and in the last row for all, how many subjects of the last day are judged and how many would be refused: those that lack a row now (missing) and those that got it in a later transaction (separate). unknown: it cannot be said.
Raises GW001 (no such contract), GW070 (no such mode), GW071 (nothing is due at once), GW072 (not a table), GW073 (another role''s contract), GW074 (most would be refused), GW075 (the table stays locked), GW076 (a function of another role is in the way).';
