CREATE FUNCTION ghostwatch._record_condition(
    alert_id bigint,
    condition ghostwatch._condition,
    silence_id bigint,
    as_of timestamptz
) RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_record_condition$
    -- Brings a firing alert up to date with what its rule found.
    -- Takes the alert, what was found, the silence in force and the time of the run.
    UPDATE ghostwatch.alert AS a
    SET
        -- The rule may have been changed since; messages and evidence are the present one's.
        rule = (SELECT i.rule FROM ghostwatch.invariant AS i WHERE i.invariant_id = a.invariant_id AND a.rule IS NOT NULL),
        quiet_since = NULL,
        silence_id = _record_condition.silence_id,
        warn_count = condition.warn_count,
        error_count = condition.error_count,
        peak_count = greatest(a.peak_count, condition.warn_count + condition.error_count),
        sample_keys = condition.sample_keys,
        branches = condition.branches,
        evidence = condition.evidence,
        changed_at = as_of
    WHERE a.alert_id = _record_condition.alert_id
$_record_condition$;

COMMENT ON FUNCTION ghostwatch._record_condition(bigint, ghostwatch._condition, bigint, timestamptz) IS
'Brings a firing alert up to date with what its rule found.';
