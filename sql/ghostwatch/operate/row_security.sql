-- Operators read what concerns their own contracts. They change it through functions, which ask whose it is; only what
-- the trigger of a contract notes is written with the rights of the contract's owner. The owner of ghostwatch is not
-- bound by any of this, and neither are the functions that run with its rights.
DO $row_security$
DECLARE
    own_contracts  constant text := '(SELECT c.contract_id FROM ghostwatch.contract AS c WHERE pg_has_role(c.owner, ''USAGE''))';
    own_invariants constant text := format('(SELECT i.invariant_id FROM ghostwatch.invariant AS i WHERE i.contract_id IN %s)', own_contracts);
    own_names      constant text := '(SELECT c.name FROM ghostwatch.contract AS c WHERE pg_has_role(c.owner, ''USAGE''))';
    own_alerts     constant text := format('(SELECT a.alert_id FROM ghostwatch.alert AS a WHERE a.contract IS NULL OR a.contract IN %s)', own_names);
    own_channels   constant text := format('contracts IS NULL OR contracts && ARRAY%s', own_names);
    policy         record;
BEGIN
    FOR policy IN
        SELECT
            p.relation,
            p.readable,
            p.insertable
        FROM (
            VALUES
                ('contract', 'pg_has_role(owner, ''USAGE'')', NULL),
                ('invariant', 'contract_id IN ' || own_contracts, NULL),
                ('branch_family', 'contract_id IN ' || own_contracts, NULL),
                ('branch_value', 'contract_id IN ' || own_contracts, NULL),
                ('arrival', 'contract_id IN ' || own_contracts, 'contract_id IN ' || own_contracts),
                ('capture_failure', 'contract_id IN ' || own_contracts, 'contract_id IN ' || own_contracts),
                ('checked_ahead', 'invariant_id IN ' || own_invariants, NULL),
                ('violation', 'invariant_id IN ' || own_invariants, NULL),
                ('repair_attempt', 'invariant_id IN ' || own_invariants, NULL),
                ('check_progress', 'invariant_id IN ' || own_invariants, NULL),
                ('branch_minute', 'invariant_id IN ' || own_invariants, NULL),
                ('judged_total', 'invariant_id IN ' || own_invariants, NULL),
                ('branch_sum', 'invariant_id IN ' || own_invariants, NULL),
                ('drift_baseline', 'invariant_id IN ' || own_invariants, NULL),
                ('drift_history', 'invariant_id IN ' || own_invariants, NULL),
                ('drift_detector', 'invariant_id IN ' || own_invariants, NULL),
                ('check_run', 'pg_has_role(owner, ''USAGE'')', NULL),
                ('maintenance', 'pg_has_role(owner, ''USAGE'')', NULL),
                ('mark', 'pg_has_role(owner, ''USAGE'')', NULL),
                -- That the checks stopped concerns every contract.
                ('alert', 'contract IS NULL OR contract IN ' || own_names, NULL),
                ('silence', 'contract IN ' || own_names, NULL),
                -- Other messages carry users' names, or counts of every contract.
                ('notification', 'alert_id IN ' || own_alerts, NULL),
                ('channel', own_channels, NULL),
                ('chat', format('chat_id IN (SELECT c.chat_id FROM ghostwatch.channel AS c WHERE %s)', own_channels), NULL),
                ('event', 'false', NULL),
                ('button_press', 'false', NULL),
                ('role_secret', 'role = quote_ident(current_user)::regrole', 'role = quote_ident(current_user)::regrole')
        ) AS p (relation, readable, insertable)
    LOOP
        EXECUTE format('ALTER TABLE ghostwatch.%I ENABLE ROW LEVEL SECURITY', policy.relation);
        EXECUTE format('CREATE POLICY %I ON ghostwatch.%I FOR SELECT USING (%s)', policy.relation || '_read', policy.relation, policy.readable);
        IF policy.insertable IS NOT NULL THEN
            EXECUTE format('CREATE POLICY %I ON ghostwatch.%I FOR INSERT WITH CHECK (%s)', policy.relation || '_insert', policy.relation, policy.insertable);
        END IF;
    END LOOP;
END
$row_security$;
