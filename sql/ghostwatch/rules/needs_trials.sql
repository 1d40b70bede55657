CREATE FUNCTION ghostwatch._needs_trials(
    rule text
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_needs_trials$
    -- Such a rule scores each subject once, in order of birth. So it knows how many subjects to expect, decides by
    -- evidence when an alert is over, and a replay of it begins with a history.
    SELECT _needs_trials.rule IN ('auto', 'drift')
$_needs_trials$;

COMMENT ON FUNCTION ghostwatch._needs_trials(text) IS
'Whether a rule scores every subject that a check judges.';
