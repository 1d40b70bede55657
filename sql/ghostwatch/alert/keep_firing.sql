CREATE FUNCTION ghostwatch._keep_firing(
    latest ghostwatch.alert,
    result ghostwatch._rule_result,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_keep_firing$
-- A chat is not flooded: only what changes the picture is a new message or an edit.
DECLARE
    escalates boolean := result.severity = 'error' AND latest.severity = 'warn';
    silence_now bigint := ghostwatch._silence_in_force(latest.contract, latest.invariant, result.branches, as_of);
    silence_ended boolean := latest.silence_id IS NOT NULL AND silence_now IS NULL;
    repeats boolean := latest.acknowledged_at IS NULL
        AND as_of >= latest.last_notified_at + ghostwatch._setting('repeat_interval')::interval;
    differs boolean := latest.clear_since IS NOT NULL
        OR latest.silence_id IS DISTINCT FROM silence_now
        OR ROW(latest.warn_count, latest.error_count, latest.sample_keys, latest.branches, latest.evidence)
            IS DISTINCT FROM
            ROW(result.warn_count, result.error_count, result.sample_keys, result.branches, result.evidence);
    is_shown boolean := latest.clear_since IS NOT NULL
        OR latest.silence_id IS DISTINCT FROM silence_now
        OR ghostwatch._shown_numbers(latest.warn_count, latest.error_count, latest.sample_keys, latest.branches, latest.evidence)
        <> ghostwatch._shown_numbers(
            result.warn_count, result.error_count, result.sample_keys, result.branches, result.evidence
        );
BEGIN
    IF NOT (escalates OR repeats OR differs) THEN
        RETURN;
    END IF;

    PERFORM ghostwatch._record_result(latest.alert_id, result, silence_now, as_of);

    -- The severity only rises: an error includes the warnings before and after it.
    IF escalates THEN
        UPDATE ghostwatch.alert AS a
        SET severity = 'error', escalated_at = as_of
        WHERE a.alert_id = latest.alert_id;
    END IF;

    IF escalates OR silence_ended OR repeats THEN
        PERFORM ghostwatch._announce(
            latest.alert_id,
            CASE
                WHEN escalates THEN 'escalated'
                WHEN silence_ended THEN 'silence_ended'
                ELSE 'repeated'
            END,
            as_of
        );
    ELSIF is_shown THEN
        PERFORM ghostwatch._enqueue(latest.alert_id, 'updated', as_of);
    END IF;
END
$_keep_firing$;

COMMENT ON FUNCTION ghostwatch._keep_firing(ghostwatch.alert, ghostwatch._rule_result, timestamptz) IS
'Updates a firing alert: escalates it, repeats it, announces the end of a silence, or edits its message.';
