CREATE FUNCTION ghostwatch._announce_usual_rate(
    rule ghostwatch.invariant,
    latest ghostwatch.drift_baseline,
    baseline ghostwatch.drift_baseline
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_announce_usual_rate$
    -- From one day to the next alerts become rare: nobody must take that for a failure.
    SELECT ghostwatch._queue_notice(
        c.name,
        'usual_rate',
        jsonb_build_object(
            'contract', c.name,
            'invariant', (rule).name,
            'subject_label', c.subject_label,
            'lack', ghostwatch._lack(rule),
            'due', (baseline).due,
            -- Planning may fold it before the condition below is looked at.
            'rate', (baseline).violations::double precision / nullif((baseline).due, 0),
            'tolerance', ghostwatch._tolerance(ghostwatch._usual_rate(baseline, '')),
            'choice', ghostwatch._auto_choice(baseline)
        ),
        (baseline).made_at
    )
    FROM ghostwatch.contract AS c
    WHERE c.contract_id = (rule).contract_id
        AND (rule).rule = 'auto'
        -- Where it is known from the first check on, nothing changes.
        AND (latest).version IS NOT NULL
        AND NOT ghostwatch._usual_rate_is_known(latest)
        AND ghostwatch._usual_rate_is_known(baseline)
$_announce_usual_rate$;

COMMENT ON FUNCTION ghostwatch._announce_usual_rate(ghostwatch.invariant, ghostwatch.drift_baseline, ghostwatch.drift_baseline) IS
'Announces that the rule auto knows the usual rate of an invariant from now on, and which rule it follows.
latest: the baseline before this one.';
