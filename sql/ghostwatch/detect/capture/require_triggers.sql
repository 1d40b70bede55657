CREATE FUNCTION ghostwatch._require_triggers(
    contract_id integer,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_require_triggers$
-- An alert of a failing check reports to the chat what the doctor would report.
DECLARE
    watched ghostwatch.contract;
    problem record;
BEGIN
    SELECT c.* INTO watched FROM ghostwatch.contract AS c WHERE c.contract_id = _require_triggers.contract_id;
    IF NOT watched.capture AND watched.enforcement = 'observe' THEN
        RETURN;
    END IF;

    SELECT p.* INTO problem FROM ghostwatch._trigger_problems(contract_id) AS p LIMIT 1;
    IF NOT FOUND AND watched.capture THEN
        SELECT
            format(
                'In the last 5 minutes, the arrival of %s in %s could not be recorded at once: %s. The check run recorded it.',
                ghostwatch._pluralize(sum(cardinality(f.subject_keys))::bigint, 'subject'), watched.subject, min(f.error_message)
            ) AS finding,
            'SELECT * FROM ghostwatch.capture_failure;' AS advice
        INTO problem
        FROM ghostwatch.capture_failure AS f
        WHERE f.contract_id = _require_triggers.contract_id
            AND f.failed_at > as_of - '5 minutes'::interval
        HAVING count(*) > 0;
    END IF;

    IF problem.finding IS NOT NULL THEN
        RAISE EXCEPTION '%', problem.finding
        USING
            ERRCODE = 'GW077',
            DETAIL = 'Signups go through meanwhile, and the checks go on.',
            HINT = problem.advice;
    END IF;
END
$_require_triggers$;

COMMENT ON FUNCTION ghostwatch._require_triggers(integer, timestamptz) IS
'Raises GW077 where capture or enforcement of a contract does not work, or arrivals could not be recorded lately.';
