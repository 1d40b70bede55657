CREATE FUNCTION ghostwatch._decide_checks_stopped(
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_decide_checks_stopped$
-- Called by the sidecars, and at both ends of every run, so that an outage of everything at once is noticed as well.
DECLARE
    result constant ghostwatch._rule_result := ghostwatch._checks_stopped_result(as_of);
BEGIN
    -- A pause is intended. And where another session decides this, there is nothing left to do.
    IF ghostwatch._setting('paused')::boolean
        OR ghostwatch._in_maintenance(NULL, as_of)
        OR NOT ghostwatch._take_task('decide checks_stopped')
    THEN
        RETURN;
    END IF;

    PERFORM ghostwatch._advance_alert('checks_stopped', NULL, result, as_of);

    IF result.evidence ? 'contracts' THEN
        PERFORM ghostwatch._release_kept_messages(
            ARRAY(SELECT c FROM jsonb_array_elements_text(result.evidence -> 'contracts') AS c), as_of
        );
    END IF;
END
$_decide_checks_stopped$;

COMMENT ON FUNCTION ghostwatch._decide_checks_stopped(timestamptz) IS
'Decides whether the checks have stopped, or run again.';
