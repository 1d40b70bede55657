CREATE FUNCTION ghostwatch._no_signups_condition(
    invariant_id integer,
    as_of timestamptz
) RETURNS ghostwatch._condition
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_no_signups_condition$
-- Part of the rule "drift": subjects that stop coming break no invariant, so that their absence is watched itself.
-- Takes an invariant and the time of the run; returns the condition.
DECLARE
    rule         ghostwatch.invariant;
    baseline     ghostwatch.drift_baseline;
    judged_up_to timestamptz;
    last_minute  timestamptz;
    longest_gap  interval;
    condition    ghostwatch._condition;
BEGIN
    condition.firing := false;
    condition.warn_count := 0;
    condition.error_count := 0;
    condition.quiet_time := '0';

    -- Every invariant of a contract has the same subjects: the first of them watches.
    SELECT i.* INTO rule
    FROM ghostwatch.invariant AS i
    WHERE i.invariant_id = _no_signups_condition.invariant_id
        AND i.rule = 'drift'
        AND NOT EXISTS (
            SELECT FROM ghostwatch.invariant AS earlier
            WHERE earlier.contract_id = i.contract_id
                AND earlier.rule = 'drift'
                AND earlier.invariant_id < i.invariant_id
        );

    -- With hardly any history, nobody knows what a long time is.
    SELECT b.* INTO baseline
    FROM ghostwatch.drift_baseline AS b
    WHERE b.invariant_id = rule.invariant_id AND b.matured >= 100
    ORDER BY b.version DESC
    LIMIT 1;
    IF baseline.version IS NULL THEN
        RETURN condition;
    END IF;

    -- What was not looked at yet is not silence.
    SELECT least(p.horizon, as_of - coalesce(rule.warn_after, rule.error_after)) INTO judged_up_to
    FROM ghostwatch.check_progress AS p
    WHERE p.invariant_id = rule.invariant_id;

    SELECT max(b.minute) INTO last_minute
    FROM ghostwatch.branch_minute AS b
    WHERE b.invariant_id = rule.invariant_id;

    -- The gap that chance makes once in so many days.
    longest_gap := ghostwatch._longest_gap(
        baseline.signups_by_hour,
        last_minute + interval '1 minute',
        greatest(ln(baseline.signups_per_day * baseline.days_per_false_alarm), 1)
    );
    IF judged_up_to <= last_minute + interval '1 minute' + longest_gap THEN
        RETURN condition;
    END IF;

    condition.firing := true;
    condition.severity := 'error';
    condition.sample_keys := '{}';
    condition.branches := '[]';
    condition.evidence := jsonb_build_object(
        'last_born_at', last_minute,
        'expected_gap', round(extract(EPOCH FROM longest_gap)),
        'signups_per_day', round(baseline.signups_per_day),
        'days_per_false_alarm', baseline.days_per_false_alarm
    );
    RETURN condition;
END
$_no_signups_condition$;

COMMENT ON FUNCTION ghostwatch._no_signups_condition(integer, timestamptz) IS
'Part of the rule "drift": wrong as long as subjects have not come for longer than chance explains once in days_per_false_alarm.';
