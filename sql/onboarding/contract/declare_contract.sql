CREATE FUNCTION onboarding._declare_contract(
    due_after interval,
    leave_out text[],
    time_zone text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_declare_contract$
-- Declares the contract onboarding, which belongs to whoever calls this, or brings it up to date.
-- due_after: the age at which what start() does is due. leave_out: clauses not to declare.
-- time_zone: in which birth times without one are read.
DECLARE
    clause record;
BEGIN
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
        description => 'What every user who starts the bot must get, by whichever link they come.',
        subject_label => 'new users'
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
    ) AS family (pattern, name);

    FOR clause IN SELECT c.* FROM onboarding._clauses() AS c LOOP
        IF clause.name <> ALL (_declare_contract.leave_out) THEN
            PERFORM ghostwatch.declare_invariant(
                'onboarding',
                clause.name,
                clause.related::regclass,
                clause.related_key_column,
                predicate => clause.predicate,
                related_at_column => clause.related_at_column,
                warn_after => clause.warn_after,
                error_after => coalesce(clause.error_after, _declare_contract.due_after),
                missing_label => clause.missing_label,
                description => clause.description
            );
        ELSIF EXISTS (
            SELECT FROM ghostwatch.invariant
            INNER JOIN ghostwatch.contract USING (contract_id)
            WHERE contract.name = 'onboarding' AND invariant.name = clause.name
        ) THEN
            PERFORM ghostwatch.drop_invariant('onboarding', clause.name);
        END IF;
    END LOOP;
END
$_declare_contract$;

COMMENT ON FUNCTION onboarding._declare_contract(interval, text[], text) IS
'Declares the contract onboarding, or brings it up to date; called by onboarding.adopt().';
