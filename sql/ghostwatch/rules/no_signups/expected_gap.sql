CREATE FUNCTION ghostwatch._expected_gap(
    invariant_id integer,
    OUT baseline ghostwatch.drift_baseline,
    OUT last_minute timestamptz,
    OUT longest_gap interval
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_expected_gap$
-- All invariants of a contract have the same subjects, so only the first one is examined.
-- A baseline is a row of its own beside the other results: @plpgsql_check_options: extra_warnings = false
BEGIN
    SELECT b.* INTO baseline
    FROM ghostwatch.invariant AS i
    INNER JOIN ghostwatch.drift_baseline AS b ON b.invariant_id = i.invariant_id
    WHERE i.invariant_id = _expected_gap.invariant_id
        AND ghostwatch._needs_trials(i.rule)
        AND NOT EXISTS (
            SELECT FROM ghostwatch.invariant AS earlier
            WHERE earlier.contract_id = i.contract_id
                AND ghostwatch._needs_trials(earlier.rule)
                AND earlier.invariant_id < i.invariant_id
        )
        AND ghostwatch._subjects_before_alarm(b) IS NOT NULL
    ORDER BY b.version DESC
    LIMIT 1;
    IF baseline.version IS NULL THEN
        RETURN;
    END IF;

    SELECT max(b.minute) INTO last_minute
    FROM ghostwatch.branch_minute AS b
    WHERE b.invariant_id = _expected_gap.invariant_id;

    -- A gap that happens by chance once in so many days.
    longest_gap := ghostwatch._longest_gap(
        baseline.subjects_by_hour,
        last_minute + '1 minute'::interval,
        ghostwatch._subjects_before_alarm(baseline)
    );
END
$_expected_gap$;

COMMENT ON FUNCTION ghostwatch._expected_gap(integer) IS
'The latest baseline, the last minute in which a subject came, and the longest gap after it that is usual.
NULL where there is too little history, or where another invariant of the contract is examined.';
