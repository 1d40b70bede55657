CREATE TABLE ghostwatch.branch_family (
    contract_id integer NOT NULL REFERENCES ghostwatch.contract ON DELETE CASCADE,
    -- A backslash stands before the character that it quotes: LIKE raises an error where nothing follows.
    pattern text NOT NULL CHECK (pattern ~ '^([^\\]|\\.)+$'),
    family text NOT NULL CHECK (family <> ''),
    PRIMARY KEY (contract_id, pattern)
);

COMMENT ON TABLE ghostwatch.branch_family IS
'Groups the unbounded values of a contract''s branch by LIKE pattern; written by ghostwatch.declare_branch_family().';
