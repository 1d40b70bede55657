CREATE FUNCTION ghostwatch._no_signups_result(
    invariant_id integer,
    as_of timestamptz
)
RETURNS ghostwatch._rule_result
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_no_signups_result$
-- Subjects that stop coming violate no invariant, so their absence is a rule of its own, for invariants whose rule needs trials.
DECLARE
    rule ghostwatch.invariant;
    baseline ghostwatch.drift_baseline;
    judged_up_to timestamptz;
    last_minute timestamptz;
    longest_gap interval;
    result ghostwatch._rule_result;
BEGIN
    result.firing := false;
    result.warn_count := 0;
    result.error_count := 0;
    result.clear_for := '0';
    result.rule := 'drift';

    -- All invariants of a contract have the same subjects, so only the first one is examined.
    SELECT i.* INTO rule
    FROM ghostwatch.invariant AS i
    WHERE i.invariant_id = _no_signups_result.invariant_id
        AND ghostwatch._needs_trials(i.rule)
        AND NOT EXISTS (
            SELECT FROM ghostwatch.invariant AS earlier
            WHERE earlier.contract_id = i.contract_id
                AND ghostwatch._needs_trials(earlier.rule)
                AND earlier.invariant_id < i.invariant_id
        );

    SELECT b.* INTO baseline
    FROM ghostwatch.drift_baseline AS b
    WHERE b.invariant_id = rule.invariant_id
        AND ghostwatch._subjects_before_alarm(b) IS NOT NULL
    ORDER BY b.version DESC
    LIMIT 1;
    IF baseline.version IS NULL THEN
        RETURN result;
    END IF;

    -- Signups may have come that no check has read yet.
    SELECT least(p.checked_up_to, as_of - coalesce(rule.warn_after, rule.error_after)) INTO judged_up_to
    FROM ghostwatch.check_progress AS p
    WHERE p.invariant_id = rule.invariant_id;

    SELECT max(b.minute) INTO last_minute
    FROM ghostwatch.branch_minute AS b
    WHERE b.invariant_id = rule.invariant_id;

    -- A gap that happens by chance once in so many days.
    longest_gap := ghostwatch._longest_gap(
        baseline.subjects_by_hour,
        last_minute + '1 minute'::interval,
        ghostwatch._subjects_before_alarm(baseline)
    );
    IF judged_up_to <= last_minute + '1 minute'::interval + longest_gap THEN
        RETURN result;
    END IF;

    result.firing := true;
    result.severity := 'error';
    result.sample_keys := '{}';
    result.branches := '[]';
    result.evidence := jsonb_build_object(
        'last_born_at', last_minute,
        'expected_gap', round(extract(EPOCH FROM longest_gap)),
        'subjects_per_day', round(baseline.subjects_per_day),
        'days_per_false_alarm', baseline.days_per_false_alarm
    );
    RETURN result;
END
$_no_signups_result$;

COMMENT ON FUNCTION ghostwatch._no_signups_result(integer, timestamptz) IS
'Something is wrong as long as subjects have not come for longer than happens by chance once in days_per_false_alarm.
Only for invariants whose rule needs trials, and for the first of a contract.';
