CREATE TYPE ghostwatch._judgement AS (
    subject_key text,
    born_at timestamptz,
    branch_family text,
    exempt_by_branch boolean,
    exempt_by_predicate boolean,
    satisfied boolean,
    violated boolean,             -- neither satisfied nor exempt
    branch text,
    error_state text              -- SQLSTATE of the error that kept it from being judged
);

COMMENT ON TYPE ghostwatch._judgement IS
'What ghostwatch._subject_query() finds out about one subject.';
