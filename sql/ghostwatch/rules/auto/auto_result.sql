CREATE FUNCTION ghostwatch._auto_result(
    invariant_id integer,
    as_of timestamptz
)
RETURNS ghostwatch._rule_result
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_auto_result$
-- An alert opened by one rule goes on, or resolves, by the other.
DECLARE
    baseline ghostwatch.drift_baseline;
    result ghostwatch._rule_result;
BEGIN
    SELECT b.* INTO baseline
    FROM ghostwatch.drift_baseline AS b
    WHERE b.invariant_id = _auto_result.invariant_id
    ORDER BY b.version DESC
    LIMIT 1;

    IF ghostwatch._auto_choice(baseline) = 'drift' THEN
        RETURN ghostwatch._drift_result(invariant_id, as_of);
    END IF;

    -- Once the usual rate is known, what an alert is about is no part of it.
    result := ghostwatch._threshold_result(invariant_id, as_of);
    IF ghostwatch._usual_rate_is_known(baseline) THEN
        result.evidence := result.evidence || jsonb_build_object('baseline_rate', baseline.violations::double precision / baseline.due);
    END IF;
    RETURN result;
END
$_auto_result$;

COMMENT ON FUNCTION ghostwatch._auto_result(integer, timestamptz) IS
'The rule "auto": that of the rule threshold until the usual rate is known and more than one violation a week is usual, then that of the rule drift.';
