CREATE FUNCTION ghostwatch._doctor_runs()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_runs$
-- Only successes count, whatever a scheduler reports.
DECLARE
    is_paused  constant boolean := ghostwatch._setting('paused')::boolean;
    -- Runs that find nothing are recorded once a minute.
    fresh_from constant timestamptz := ghostwatch._clock() - greatest(ghostwatch._overdue_after(), '2 minutes'::interval);
    running_as text;
BEGIN
    SELECT string_agg(DISTINCT r.owner::text, ', ')
    INTO running_as
    FROM ghostwatch.check_run AS r
    WHERE r.started_at >= fresh_from;

    -- A run checks only the contracts of the role that it runs as.
    RETURN QUERY
    SELECT
        'check runs',
        'error',
        format('No run checks contract %s: it belongs to %s, and the last runs were made as %s.', c.name, c.owner, coalesce(running_as, 'nobody')),
        CASE
            WHEN r.rolname IS NULL THEN format('SELECT ghostwatch.drop_contract(%L); -- that role is gone; declare the contract again', c.name)
            ELSE format('SET ROLE %I; SELECT ghostwatch.schedule();', r.rolname)
        END
    FROM ghostwatch.contract AS c
    LEFT JOIN pg_roles AS r
        ON r.oid = c.owner
    WHERE NOT is_paused
        AND NOT EXISTS (
            SELECT
            FROM ghostwatch.check_run AS recent
            WHERE recent.owner = c.owner
                AND recent.started_at >= fresh_from
        )
    ORDER BY c.name;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT
            'check runs',
            'ok',
            CASE
                WHEN is_paused THEN 'Nothing is judged, as check runs are paused.'
                WHEN running_as IS NULL THEN 'There is no contract to be judged.'
                ELSE format('Every contract is checked; the last runs were made as %s.', running_as)
            END,
            NULL::text;
    END IF;

    RETURN QUERY
    SELECT
        'checks',
        CASE p.last_error_state WHEN '55P03' THEN 'warning' ELSE 'error' END,
        format(
            'The check of %s.%s %s since %s: %s',
            c.contract, c.invariant,
            CASE p.last_error_state WHEN '55P03' THEN 'waits for a lock' ELSE 'fails' END,
            p.failing_since::timestamptz(0), p.last_error
        ),
        CASE
            WHEN p.last_error_state = '55P03' THEN
                'It goes on when that transaction ends. For the next deploy: SELECT ghostwatch.maintenance(''20 minutes'', ''release'');'
            WHEN p.last_error_state = 'GW024' THEN
                format('This shows the error: SELECT * FROM ghostwatch.check_subject(%L, ''one of these keys'');', c.contract)
            WHEN p.last_error_state = 'GW077' THEN 'See the doctor on triggers.'
            WHEN p.last_error_state = '57014' THEN
                'It runs into statement_timeout. See the doctor on indexes, or give it more time.'
            WHEN p.last_error_state = '42501' THEN
                format('GRANT SELECT ON %s, %s TO %s; or whatever the message names.', c.subject, c.related, c.owner)
            WHEN p.last_error_state = 'GW002' THEN
                format('Declare it again, or: SELECT ghostwatch.drop_invariant(%L, %L);', c.contract, c.invariant)
            ELSE format('Correct the data or the declaration; this says whether it is valid: SELECT ghostwatch.declare_invariant(%L, %L);', c.contract, c.invariant)
        END
    FROM ghostwatch.check_progress AS p
    INNER JOIN ghostwatch._clause AS c
        ON c.invariant_id = p.invariant_id
    WHERE p.failing_since IS NOT NULL
    ORDER BY c.contract, c.invariant;

    IF NOT FOUND THEN
        RETURN QUERY
        SELECT 'checks', 'ok', 'No check fails.', NULL::text;
    END IF;

    RETURN QUERY
    SELECT
        'backlog',
        'warning',
        format('%s.%s is catching up: checked up to %s, %s behind.', s.contract, s.invariant, p.checked_up_to::timestamptz(0), date_trunc('second', s.watermark_lag)),
        'CALL ghostwatch.run_checks(); -- only to speed it up: every run processes a part'
    FROM ghostwatch.status AS s
    INNER JOIN ghostwatch._clause AS c
        ON c.contract = s.contract
        AND c.invariant = s.invariant
    INNER JOIN ghostwatch.check_progress AS p
        ON p.invariant_id = c.invariant_id
    WHERE p.catching_up_since IS NOT NULL
    ORDER BY s.contract, s.invariant;
END
$_doctor_runs$;

COMMENT ON FUNCTION ghostwatch._doctor_runs() IS
'The doctor on whether every contract is checked: runs, failing checks, backlog.';
