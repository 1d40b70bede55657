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
-- The deadlines, rules, settings and words of an existing clause are kept, whoever declared it; so are its expressions,
-- unless they are to be renewed.
DECLARE
    -- A repair belongs to the owner of the contract.
    own_functions constant boolean := EXISTS (
        SELECT FROM pg_proc AS p
        WHERE p.oid = 'onboarding.refresh_user_info(bigint)'::regprocedure
            AND p.proowner = quote_ident(current_user)::regrole
    );
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
            declared.repair IS NULL AND own_functions AS lacks_repair,
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
                repair => CASE WHEN clause.lacks_repair THEN clause.repair END,
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
'Declares the contract onboarding, which belongs to whoever calls this, or what is missing of it. leave_out: clauses
not to declare. default_due_after: the age at which what start() does is due in a new clause; due_after: the same in
every clause, or NULL. time_zone: in which birth times without one are read, or NULL.';
