-- What a rule finds when it looks at an invariant. Every rule is a function
--     ghostwatch._<rule>_condition(invariant_id integer, as_of timestamptz) RETURNS ghostwatch._condition
-- that only reads; ghostwatch._advance_alert() turns its answer into the life of an alert.
CREATE TYPE ghostwatch._condition AS (
    firing boolean,        -- something is wrong (for drift: stays true until the evidence says that it is over)
    severity text,         -- warn or error, while firing
    warn_count integer,    -- violations open by now, as the message counts them
    error_count integer,
    sample_keys text[],    -- up to five, oldest first
    branches jsonb,        -- [{"family": text, "ghosts": n, "matured": n, "named": true}, ...], the most telling first;
                           -- "named" only by rules that attribute: then a silence of those families silences the alert
    evidence jsonb,        -- thresholds, baseline, statistic; "query", if the rule has one, is SQL that reproduces its numbers
    quiet_time interval    -- how long calm must last before the alert resolves: 0 for at once; NULL: not to be said yet
);

COMMENT ON TYPE ghostwatch._condition IS
'What a rule finds when it looks at an invariant: is something wrong, how badly, how much, through which branches, and on what evidence.';
