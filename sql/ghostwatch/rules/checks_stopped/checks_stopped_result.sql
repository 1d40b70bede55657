CREATE FUNCTION ghostwatch._checks_stopped_result(
    as_of timestamptz
)
RETURNS ghostwatch._rule_result
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_checks_stopped_result$
-- The evidence names the contracts concerned where the checks of others succeed.
-- (plpgsql, so that a session that runs checks again and again plans this once.)
DECLARE
    result ghostwatch._rule_result;
BEGIN
    SELECT
        coalesce(bool_or(s.stopped), false),
        'error',
        0,
        0,
        '{}'::text[],
        '[]'::jsonb,
        jsonb_build_object(
            'last_success_at', coalesce(max(s.last_success_at) FILTER (WHERE s.stopped), max(s.last_success_at)),
            'check_period', ghostwatch._setting('check_period')
        ) || CASE
            WHEN bool_or(s.stopped) AND NOT bool_and(s.stopped)
                THEN jsonb_build_object('contracts', jsonb_agg(s.contract ORDER BY s.contract) FILTER (WHERE s.stopped))
            ELSE '{}'
        END,
        -- Over when the checks are back and have processed the backlog; one that takes longer must not keep other
        -- alerts waiting for the outage summary.
        CASE
            WHEN EXISTS (
                SELECT FROM ghostwatch.check_progress AS p
                WHERE p.catching_up_since IS NOT NULL AND p.failing_since IS NULL
            ) THEN ghostwatch._setting('resolve_after')::interval
            ELSE '0'
        END,
        NULL
    INTO result
    FROM ghostwatch._stopped_checks(as_of) AS s;

    RETURN result;
END
$_checks_stopped_result$;

COMMENT ON FUNCTION ghostwatch._checks_stopped_result(timestamptz) IS
'Whether the checks of some contract have not succeeded for three periods.';
