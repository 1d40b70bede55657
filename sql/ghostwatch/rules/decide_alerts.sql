CREATE FUNCTION ghostwatch._decide_alerts(
    invariant_id integer,
    as_of timestamptz,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_decide_alerts$
-- The only place where the rule of an invariant is chosen: by the name of its function, so that a rule is added as a folder.
-- The last step of a check, and of a failed check.
-- The name of a rule is one of those that the table of invariants allows: @plpgsql_check_options: security_warnings = false, other_warnings = false
DECLARE
    its_rule constant text := (SELECT i.rule FROM ghostwatch.invariant AS i WHERE i.invariant_id = _decide_alerts.invariant_id);
    result ghostwatch._rule_result;
BEGIN
    PERFORM ghostwatch._require_own_invariant(invariant_id, credential);

    IF ghostwatch._in_maintenance(invariant_id, as_of) THEN
        RETURN;
    END IF;

    result := ghostwatch._check_failing_result(invariant_id, as_of);
    PERFORM ghostwatch._advance_alert('check_failing', invariant_id, result, as_of);

    -- A check that failed found out nothing; one that reports its triggers (GW077) did.
    IF result.evidence ->> 'failing_since' IS NOT NULL AND result.evidence ->> 'last_error_state' <> 'GW077' THEN
        RETURN;
    END IF;

    EXECUTE format('SELECT (q.result).* FROM (SELECT ghostwatch.%I($1, $2) AS result OFFSET 0) AS q', format('_%s_result', its_rule))
    INTO result
    USING invariant_id, as_of;
    PERFORM ghostwatch._advance_alert('violations', invariant_id, result, as_of);

    result := ghostwatch._no_signups_result(invariant_id, as_of);
    PERFORM ghostwatch._advance_alert('no_signups', invariant_id, result, as_of);
END
$_decide_alerts$;

COMMENT ON FUNCTION ghostwatch._decide_alerts(integer, timestamptz, uuid) IS
'Decides the alerts of one invariant after its check, or after its check failed.';
