CREATE FUNCTION ghostwatch._explain_run(
    invariant_id integer,
    as_of timestamptz,
    OUT cause text,
    OUT finding text,
    OUT advice text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_explain_run$
DECLARE
    progress ghostwatch.check_progress;
BEGIN
    SELECT p.* INTO STRICT progress
    FROM ghostwatch.check_progress AS p
    WHERE p.invariant_id = _explain_run.invariant_id;

    IF ghostwatch._setting('paused')::boolean THEN
        cause := 'paused';
        finding := 'Checks are paused.';
        advice := 'SELECT ghostwatch.resume();';
    ELSIF progress.failing_since IS NOT NULL THEN
        cause := 'check_failing';
        finding := format('Its check fails since %s: %s', progress.failing_since::timestamptz(0), progress.last_error);
        advice := 'SELECT * FROM ghostwatch.doctor();';
    ELSIF progress.last_success_at IS NULL OR progress.last_success_at < as_of - ghostwatch._overdue_after() THEN
        cause := 'no_run';
        finding := coalesce(
            format('No check has succeeded since %s, so nothing was decided since.', progress.last_success_at::timestamptz(0)),
            'It was never checked.'
        );
        advice := 'SELECT ghostwatch.schedule(); -- or see: ghostwatch doctor';
    ELSIF ghostwatch._in_maintenance(invariant_id, as_of) THEN
        cause := 'maintenance';
        finding := 'A maintenance window covers it, so no alert is decided.';
        advice := 'SELECT ghostwatch.end_maintenance();';
    ELSE
        cause := 'checked';
        finding := concat_ws(
            ' ',
            format('It was last checked at %s.', progress.last_success_at::timestamptz(0)),
            format('The checks are catching up with what became due since %s.', progress.catching_up_since::timestamptz(0))
        );
    END IF;
END
$_explain_run$;

COMMENT ON FUNCTION ghostwatch._explain_run(integer, timestamptz) IS
'Whether the checks of an invariant come as far as to decide its alerts.
cause: paused, check_failing, no_run, maintenance or checked. Returns one word for the cause, a sentence, and what to
type, if there is something.';
