CREATE FUNCTION ghostwatch._open_alert(
    kind text,
    invariant_id integer,
    result ghostwatch._rule_result,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_open_alert$
-- The names are copied: an alert outlives its contract.
DECLARE
    new_alert_id bigint;
BEGIN
    INSERT INTO ghostwatch.alert (
        kind, invariant_id, contract, invariant, rule, severity, opened_at, escalated_at, silence_id,
        warn_count, error_count, peak_count, sample_keys, branches, evidence, changed_at
    )
    SELECT
        kind,
        i.invariant_id,
        c.name,
        i.name,
        result.rule,
        result.severity,
        as_of,
        CASE WHEN result.severity = 'error' THEN as_of END,
        ghostwatch._silence_in_force(c.name, i.name, result.branches, as_of),
        result.warn_count,
        result.error_count,
        result.warn_count + result.error_count,
        result.sample_keys,
        result.branches,
        result.evidence,
        as_of
    FROM (VALUES (_open_alert.invariant_id)) AS named (invariant_id)
    LEFT JOIN ghostwatch.invariant AS i USING (invariant_id)
    LEFT JOIN ghostwatch.contract AS c USING (contract_id)
    RETURNING alert.alert_id INTO new_alert_id;

    PERFORM ghostwatch._announce(new_alert_id, 'opened', as_of);
END
$_open_alert$;

COMMENT ON FUNCTION ghostwatch._open_alert(text, integer, ghostwatch._rule_result, timestamptz) IS
'Opens an alert and announces it. invariant_id: NULL for checks_stopped.';
