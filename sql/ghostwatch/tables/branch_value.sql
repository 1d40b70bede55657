CREATE TABLE ghostwatch.branch_value (
    contract_id integer NOT NULL REFERENCES ghostwatch.contract ON DELETE CASCADE,
    branch text NOT NULL,
    PRIMARY KEY (contract_id, branch)
);

COMMENT ON TABLE ghostwatch.branch_value IS
'The first branches of a contract that came and that no pattern groups: each is a family of its own, and later ones are the family other.';
