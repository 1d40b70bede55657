-- Operators run checks, so they write what checks find; but only for contracts of their own, and they lock no table
-- that other contracts need (see grant_operator). The owner of ghostwatch is not bound by any of this, and neither
-- are the functions that run with its rights.
DO $row_security$
DECLARE
    own_contracts  constant text := '(SELECT c.contract_id FROM ghostwatch.contract AS c WHERE pg_has_role(c.owner, ''USAGE''))';
    own_invariants constant text := format('(SELECT i.invariant_id FROM ghostwatch.invariant AS i WHERE i.contract_id IN %s)', own_contracts);
    own_names      constant text := '(SELECT c.name FROM ghostwatch.contract AS c WHERE pg_has_role(c.owner, ''USAGE''))';
    own_alerts     constant text := format('(SELECT a.alert_id FROM ghostwatch.alert AS a WHERE a.contract IS NULL OR a.contract IN %s)', own_names);
    policy         record;
BEGIN
    FOR policy IN
        SELECT
            p.relation,
            p.readable,
            p.writable,
            CASE p.relation WHEN 'alert' THEN 'contract IN ' || own_names END AS insertable
        FROM (
            VALUES
                ('contract', 'true', 'pg_has_role(owner, ''USAGE'')'),
                ('invariant', 'true', 'contract_id IN ' || own_contracts),
                ('branch_family', 'true', 'contract_id IN ' || own_contracts),
                -- Keys of subjects are for those who may read the subjects.
                ('arrival', 'contract_id IN ' || own_contracts, 'contract_id IN ' || own_contracts),
                ('capture_failure', 'contract_id IN ' || own_contracts, 'contract_id IN ' || own_contracts),
                ('checked_ahead', 'invariant_id IN ' || own_invariants, 'invariant_id IN ' || own_invariants),
                ('violation', 'invariant_id IN ' || own_invariants, 'invariant_id IN ' || own_invariants),
                ('check_progress', 'true', 'invariant_id IN ' || own_invariants),
                ('branch_minute', 'true', 'invariant_id IN ' || own_invariants),
                ('family_rate', 'true', 'invariant_id IN ' || own_invariants),
                ('drift_baseline', 'true', 'invariant_id IN ' || own_invariants),
                ('drift_history', 'true', 'invariant_id IN ' || own_invariants),
                ('drift_detector', 'true', 'invariant_id IN ' || own_invariants),
                -- That the checks stopped concerns every contract.
                ('alert', 'true', 'contract IS NULL OR contract IN ' || own_names),
                ('silence', 'true', 'contract IN ' || own_names),
                ('maintenance', 'true', 'pg_has_role(owner, ''USAGE'')'),
                -- Messages about events carry users' names.
                ('notification', 'reason <> ''events''', format('alert_id IN %s OR (alert_id IS NULL AND reason = ''maintenance'')', own_alerts)),
                ('event', 'false', 'false'),
                ('button_press', 'false', 'false'),
                -- A channel of an operator copies neither alerts of others nor events.
                ('channel', 'true', 'NOT events AND contracts <@ ARRAY' || own_names)
        ) AS p (relation, readable, writable)
        WHERE to_regclass('ghostwatch.' || p.relation) IS NOT NULL
    LOOP
        EXECUTE format('ALTER TABLE ghostwatch.%I ENABLE ROW LEVEL SECURITY', policy.relation);
        EXECUTE format('CREATE POLICY %I ON ghostwatch.%I FOR SELECT USING (%s)', policy.relation || '_read', policy.relation, policy.readable);
        EXECUTE format('CREATE POLICY %I ON ghostwatch.%I FOR INSERT WITH CHECK (%s)', policy.relation || '_insert', policy.relation, coalesce(policy.insertable, policy.writable));
        EXECUTE format('CREATE POLICY %I ON ghostwatch.%I FOR UPDATE USING (%s)', policy.relation || '_update', policy.relation, policy.writable);
        EXECUTE format('CREATE POLICY %I ON ghostwatch.%I FOR DELETE USING (%s)', policy.relation || '_delete', policy.relation, policy.writable);
    END LOOP;
END
$row_security$;
