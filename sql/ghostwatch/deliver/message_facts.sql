CREATE FUNCTION ghostwatch._message_facts(
    alert_id bigint
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_message_facts$
BEGIN
    RETURN (
        SELECT
            to_jsonb(alert)
            || jsonb_build_object(
                'subject_label', contract.subject_label,
                'missing_label', invariant.missing_label,
                'description', invariant.description,
                'lack', CASE WHEN invariant.invariant_id IS NOT NULL THEN ghostwatch._lack(invariant.*) END,
                'no_row', invariant.no_row,
                'warn_after', extract(EPOCH FROM invariant.warn_after),
                'error_after', extract(EPOCH FROM invariant.error_after),
                'watch_for', extract(EPOCH FROM invariant.watch_for),
                'runbook_url', invariant.runbook_url,
                'silence', to_jsonb(silence),
                'repairable', ghostwatch._repairable(alert),
                'mark', ghostwatch._mark_before(alert)
            )
        FROM ghostwatch.alert
        LEFT JOIN ghostwatch.invariant
            ON invariant.invariant_id = alert.invariant_id
        LEFT JOIN ghostwatch.contract
            ON contract.contract_id = invariant.contract_id
        LEFT JOIN ghostwatch.silence
            ON silence.silence_id = alert.silence_id
        WHERE alert.alert_id = _message_facts.alert_id
    );
END
$_message_facts$;

COMMENT ON FUNCTION ghostwatch._message_facts(bigint) IS
'An alert as it stands now, as JSON, with what a message says about its invariant (durations in seconds).';
