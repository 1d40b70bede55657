CREATE FUNCTION ghostwatch._check_failing_result(
    invariant_id integer,
    as_of timestamptz
)
RETURNS ghostwatch._rule_result
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_check_failing_result$
-- A warning at first, and an error once nothing was checked for three periods.
-- (plpgsql, so that a session that runs checks again and again plans this once.)
DECLARE
    result ghostwatch._rule_result;
BEGIN
    SELECT
        -- A check that waits for a lock usually waits for a migration, which is worth an alert only if it lasts.
        p.failing_since IS NOT NULL
        AND (
            p.last_error_state <> '55P03'
            OR p.failing_since <= as_of - 3 * ghostwatch._setting('check_period')::interval
        ),
        CASE
            WHEN p.failing_since <= as_of - 3 * ghostwatch._setting('check_period')::interval THEN 'error'
            ELSE 'warn'
        END,
        0,
        0,
        '{}'::text[],
        '[]'::jsonb,
        jsonb_build_object(
            'failing_since', p.failing_since,
            'last_error', p.last_error,
            'last_error_state', p.last_error_state
        ),
        -- One check that succeeds is enough.
        '0'::interval,
        NULL
    INTO result
    FROM ghostwatch.check_progress AS p
    WHERE p.invariant_id = _check_failing_result.invariant_id;

    RETURN result;
END
$_check_failing_result$;

COMMENT ON FUNCTION ghostwatch._check_failing_result(integer, timestamptz) IS
'Whether the check of an invariant fails, since when and with which error.';
