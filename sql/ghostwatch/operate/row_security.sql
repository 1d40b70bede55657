-- Whoever may see ghostwatch may read every contract, but a contract's expressions run with its owner's rights:
-- only the owner may write them. The installer, as owner of the tables, is not bound by this.
ALTER TABLE ghostwatch.contract ENABLE ROW LEVEL SECURITY;
ALTER TABLE ghostwatch.invariant ENABLE ROW LEVEL SECURITY;
ALTER TABLE ghostwatch.branch_family ENABLE ROW LEVEL SECURITY;

CREATE POLICY contract_read ON ghostwatch.contract
FOR SELECT
USING (true);

CREATE POLICY contract_write ON ghostwatch.contract
USING (pg_has_role(owner, 'USAGE'));

CREATE POLICY invariant_read ON ghostwatch.invariant
FOR SELECT
USING (true);

CREATE POLICY invariant_write ON ghostwatch.invariant
USING (
    contract_id IN (
        SELECT c.contract_id
        FROM ghostwatch.contract AS c
        WHERE pg_has_role(c.owner, 'USAGE')
    )
);

CREATE POLICY branch_family_read ON ghostwatch.branch_family
FOR SELECT
USING (true);

CREATE POLICY branch_family_write ON ghostwatch.branch_family
USING (
    contract_id IN (
        SELECT c.contract_id
        FROM ghostwatch.contract AS c
        WHERE pg_has_role(c.owner, 'USAGE')
    )
);
