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
    gap record;
    judged_up_to timestamptz;
    result ghostwatch._rule_result;
BEGIN
    result.firing := false;
    result.warn_count := 0;
    result.error_count := 0;
    result.clear_for := '0';
    result.rule := 'drift';

    SELECT g.* INTO gap FROM ghostwatch._expected_gap(invariant_id) AS g;
    IF gap.longest_gap IS NULL THEN
        RETURN result;
    END IF;

    -- Signups may have come that no check has read yet.
    SELECT least(p.checked_up_to, as_of - coalesce(i.warn_after, i.error_after)) INTO judged_up_to
    FROM ghostwatch.check_progress AS p
    INNER JOIN ghostwatch.invariant AS i ON i.invariant_id = p.invariant_id
    WHERE p.invariant_id = _no_signups_result.invariant_id;

    IF judged_up_to <= gap.last_minute + '1 minute'::interval + gap.longest_gap THEN
        RETURN result;
    END IF;

    result.firing := true;
    result.severity := 'error';
    result.sample_keys := '{}';
    result.branches := '[]';
    result.evidence := jsonb_build_object(
        'last_born_at', gap.last_minute,
        'expected_gap', round(extract(EPOCH FROM gap.longest_gap)),
        'subjects_per_day', round((gap.baseline).subjects_per_day),
        'days_per_false_alarm', (gap.baseline).days_per_false_alarm
    );
    RETURN result;
END
$_no_signups_result$;

COMMENT ON FUNCTION ghostwatch._no_signups_result(integer, timestamptz) IS
'Something is wrong as long as subjects have not come for longer than happens by chance once in days_per_false_alarm.
Only for invariants whose rule needs trials, and for the first of a contract.';
