-- Every rule is a function
--     ghostwatch._<rule>_result(invariant_id integer, as_of timestamptz) RETURNS ghostwatch._rule_result
-- that only reads; ghostwatch._advance_alert() makes the life of an alert from its results.
--     firing       something is wrong (for drift: until the evidence says that it is over)
--     severity     warn or error, while firing
--     warn_count, error_count  open violations, as messages show them
--     sample_keys  up to five, oldest first
--     branches     [{"family": text, "violations": n, "due": n, "named": true}, ...], the most important first;
--                  "named" by rules that attribute: then only silences of those families silence the alert
--     evidence     thresholds, baseline, statistic; "query", if the rule has one, is SQL that reproduces its numbers
--     rule         the rule whose finding it is: auto follows another one
--     clear_for    how long nothing must be wrong before the alert resolves: 0 for at once; NULL while that is unknown
CREATE TYPE ghostwatch._rule_result AS (
    firing boolean,
    severity text,
    warn_count integer,
    error_count integer,
    sample_keys text[],
    branches jsonb,
    evidence jsonb,
    clear_for interval,
    rule text
);

COMMENT ON TYPE ghostwatch._rule_result IS
'What a rule finds for an invariant: whether something is wrong, how severe, how many violations, by which branches, and the evidence.';
