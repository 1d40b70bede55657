CREATE FUNCTION ghostwatch._checks_stopped_condition(
    as_of timestamptz
) RETURNS ghostwatch._condition
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_checks_stopped_condition$
    -- Something is wrong when no check has succeeded for too long. Only successes count, whatever the scheduler says.
    -- Takes the time; returns the condition. Not wrong before the first success, which nobody can expect yet.
    WITH progress AS (
        SELECT
            max(p.last_success_at) AS last_success_at,
            bool_and(p.failing_since IS NOT NULL) AS all_failing,
            bool_or(p.catching_up_since IS NOT NULL AND p.failing_since IS NULL) AS catching_up
        FROM ghostwatch.check_progress AS p
    ),
    heard AS (
        SELECT
            p.*,
            -- Runs in which every check fails do run; those alerts are told one by one.
            CASE
                WHEN p.all_failing
                    THEN greatest(p.last_success_at, (SELECT r.finished_at FROM ghostwatch.check_run AS r ORDER BY r.started_at DESC LIMIT 1))
                ELSE p.last_success_at
            END AS last_heard_at
        FROM progress AS p
    )
    SELECT
        coalesce(
            h.last_heard_at < as_of - ghostwatch._overdue_after(),
            false
        ),
        'error',
        0,
        0,
        '{}'::text[],
        '[]'::jsonb,
        jsonb_build_object('last_success_at', h.last_success_at, 'check_period', ghostwatch._setting('check_period')),
        -- Over when the checks are back and have looked at all that happened meanwhile; a backlog that takes
        -- longer must not keep other alerts waiting for the recap.
        CASE WHEN h.catching_up THEN ghostwatch._setting('resolve_after')::interval ELSE '0' END
    FROM heard AS h
$_checks_stopped_condition$;

COMMENT ON FUNCTION ghostwatch._checks_stopped_condition(timestamptz) IS
'Whether no check has succeeded for three periods.';
