CREATE FUNCTION ghostwatch._decide_alerts(
    invariant_id integer,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_decide_alerts$
-- Decides about every kind of alert of one invariant; the last step of its check, and of its failed check.
-- Takes the invariant and the time of the run.
DECLARE
    calm constant ghostwatch._rule_result := ROW(false, NULL, 0, 0, '{}', '[]', '{}', '0');
    its_rule  text := (SELECT i.rule FROM ghostwatch.invariant AS i WHERE i.invariant_id = _decide_alerts.invariant_id);
    failing   ghostwatch._rule_result;
    found     ghostwatch._rule_result;
    silent    ghostwatch._rule_result;
BEGIN
    IF ghostwatch._in_maintenance(invariant_id, as_of) THEN
        RETURN;
    END IF;

    failing := ghostwatch._check_failing_result(invariant_id, as_of);
    PERFORM ghostwatch._advance_alert('check_failing', invariant_id, failing, as_of);

    -- A check that failed has seen neither harm nor calm; one that reports its triggers (GW077) has.
    IF failing.evidence ->> 'failing_since' IS NOT NULL AND failing.evidence ->> 'last_error_state' <> 'GW077' THEN
        RETURN;
    END IF;

    -- Only drift knows how many signups there should be; what it opened ends when the rule is changed.
    IF its_rule = 'drift' THEN
        found := ghostwatch._drift_result(invariant_id, as_of);
        silent := ghostwatch._no_signups_result(invariant_id, as_of);
    ELSE
        found := ghostwatch._threshold_result(invariant_id, as_of);
        silent := calm;
    END IF;

    PERFORM ghostwatch._advance_alert('violations', invariant_id, found, as_of);
    PERFORM ghostwatch._advance_alert('no_signups', invariant_id, silent, as_of);
END
$_decide_alerts$;

COMMENT ON FUNCTION ghostwatch._decide_alerts(integer, timestamptz) IS
'Decides about the alerts of one invariant after its check, or after its check failed.';
