CREATE FUNCTION ghostwatch._record_result(
    alert_id bigint,
    result ghostwatch._rule_result,
    silence_id bigint,
    as_of timestamptz
)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_record_result$
    -- The rule may have been changed meanwhile; messages and evidence are those of the present one.
    UPDATE ghostwatch.alert AS a
    SET
        rule = result.rule,
        clear_since = NULL,
        silence_id = _record_result.silence_id,
        warn_count = result.warn_count,
        error_count = result.error_count,
        peak_count = greatest(a.peak_count, result.warn_count + result.error_count),
        sample_keys = result.sample_keys,
        branches = result.branches,
        evidence = result.evidence,
        changed_at = as_of
    WHERE a.alert_id = _record_result.alert_id
$_record_result$;

COMMENT ON FUNCTION ghostwatch._record_result(bigint, ghostwatch._rule_result, bigint, timestamptz) IS
'Updates a firing alert to what its rule found.';
