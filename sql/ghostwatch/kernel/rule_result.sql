-- What a rule finds when it looks at an invariant. Every rule is a function
--     ghostwatch._<rule>_result(invariant_id integer, as_of timestamptz) RETURNS ghostwatch._rule_result
-- that only reads; ghostwatch._advance_alert() turns its answer into the life of an alert.
--     firing       something is wrong (for drift: until the evidence says that it is over)
--     severity     warn or error, while firing
--     warn_count, error_count  violations open by now, as the message counts them
--     sample_keys  up to five, oldest first
--     branches     [{"family": text, "violations": n, "due": n, "named": true}, ...], the most telling first;
--                  "named" by rules that attribute: then it takes a silence of those families to silence the alert
--     evidence     thresholds, baseline, statistic; "query", if the rule has one, is SQL that reproduces its numbers
--     clear_for   how long calm must last before the alert resolves: 0 for at once; NULL while it cannot be said
CREATE TYPE ghostwatch._rule_result AS (
    firing boolean,
    severity text,
    warn_count integer,
    error_count integer,
    sample_keys text[],
    branches jsonb,
    evidence jsonb,
    clear_for interval
);

COMMENT ON TYPE ghostwatch._rule_result IS
'What a rule finds when it looks at an invariant: is something wrong, how badly, how much, through which branches, and on what evidence.';
