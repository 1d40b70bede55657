CREATE FUNCTION ghostwatch._doctor_clocks()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_clocks$
-- Clocks of application servers differ, or a time zone was declared wrongly. Examines only contracts of this role, and no view, which
-- runs its owner's code.
-- Names of columns and tables only are put into the queries: @plpgsql_check_options: security_warnings = false
DECLARE
    as_of     constant timestamptz := ghostwatch._clock();
    -- A smaller difference is the duration of a transaction, or usual between clocks synchronized by NTP.
    tolerance constant interval := '5 seconds'::interval;
    clause    ghostwatch._clause;
    newest    record;
    advice    text;
    problem   text;
    youngest  timestamptz;
    slow      interval;
    earliest  interval;
    latest    interval;
    is_well   boolean := true;
BEGIN
    FOR clause IN
        SELECT DISTINCT ON (c.contract) c.*
        FROM ghostwatch._clause AS c
        INNER JOIN pg_class AS r
            ON r.oid = c.subject
            AND r.relkind IN ('r', 'p')
        WHERE c.owner = quote_ident(current_user)::regrole
        ORDER BY c.contract
    LOOP
        advice := format(
            'SELECT ghostwatch.declare_contract(%L, capture => true); -- or set the clocks of the application''s servers%s',
            clause.contract, ', or the time_zone (now ' || clause.time_zone || ')'
        );

        BEGIN
            -- The database's own clock stands beside what was written: they are compared, and differ without harm.
            IF clause.capture THEN
                SELECT
                    array_agg(a.subject_key) AS subject_keys,
                    array_agg(a.arrived_at) AS arrivals
                INTO newest
                FROM (
                    SELECT n.*
                    FROM ghostwatch.arrival AS n
                    WHERE n.contract_id = clause.contract_id
                    ORDER BY n.arrived_at DESC
                    LIMIT 1000
                ) AS a;
                PERFORM ghostwatch._enter_search_path(clause.search_path);
                EXECUTE format(
                    'SELECT min(d.difference), max(d.difference)
                    FROM (
                        SELECT %1$s - a.arrived_at AS difference
                        FROM %2$s AS s
                        INNER JOIN unnest($1, $2) AS a (subject_key, arrived_at) ON a.subject_key = %3$s
                        WHERE %4$s AND isfinite(%1$s)
                    ) AS d',
                    ghostwatch._written_birth(clause),
                    clause.subject,
                    ghostwatch._key_text(clause.subject, 's', clause.key_columns),
                    ghostwatch._key_is_among(clause.subject, clause.key_columns)
                )
                INTO earliest, latest
                USING newest.subject_keys, newest.arrivals;
                PERFORM ghostwatch._leave_search_path();

                IF earliest < -tolerance OR latest > tolerance THEN
                    is_well := false;
                    RETURN NEXT ROW(
                        'clocks',
                        'ok',
                        format(
                            'Births written in %s lie up to %s before and %s after the arrival. With capture only the arrival counts.',
                            clause.subject, date_trunc('second', greatest(-earliest, '0')), date_trunc('second', greatest(latest, '0'))
                        ),
                        NULL
                    )::ghostwatch._finding;
                END IF;
                CONTINUE;
            END IF;

            -- Clocks and zones that are hours off: the newest births show it, however long ago they lie.
            problem := ghostwatch._birth_problem(c) FROM ghostwatch.contract AS c WHERE c.contract_id = clause.contract_id;
            IF problem IS NOT NULL THEN
                is_well := false;
                RETURN NEXT ROW('clocks', 'warning', problem, advice)::ghostwatch._finding;
                CONTINUE;
            END IF;

            -- Clocks that are fast: the youngest row shows it, where an index leads to it.
            IF clause.born_at_expression IS NULL AND ghostwatch._index_advice(clause.subject, ARRAY[clause.born_at_column], ARRAY['btree']::name[], false) IS NULL THEN
                EXECUTE format(
                    'SELECT %1$s FROM %2$s AS s WHERE s.%3$I < ''infinity'' ORDER BY s.%3$I DESC LIMIT 1',
                    ghostwatch._written_birth(clause),
                    clause.subject,
                    clause.born_at_column
                )
                INTO youngest;

                IF youngest > as_of + tolerance THEN
                    is_well := false;
                    RETURN NEXT ROW(
                        'clocks',
                        'warning',
                        format('The youngest row of %s was born %s from now. It is judged when that comes.', clause.subject, date_trunc('second', youngest - as_of)),
                        advice
                    )::ghostwatch._finding;
                END IF;
            END IF;

            -- Clocks that are slow: the checks saw it.
            SELECT max(p.skew)
            INTO slow
            FROM ghostwatch.check_progress AS p
            INNER JOIN ghostwatch.invariant AS i
                ON i.invariant_id = p.invariant_id
            WHERE i.contract_id = clause.contract_id
                AND p.skew > tolerance
                AND p.skew_seen_at > as_of - '1 day'::interval;

            IF slow IS NOT NULL THEN
                is_well := false;
                RETURN NEXT ROW(
                    'clocks',
                    'warning',
                    format(
                        'Rows of %s are born %s or more before their transaction begins. They are judged that much too soon, and missed if it is more than %s (the lateness).',
                        clause.subject, date_trunc('second', slow), clause.lateness
                    ),
                    advice
                )::ghostwatch._finding;
            END IF;
        EXCEPTION
            -- The doctor does not wait for locks.
            WHEN lock_not_available THEN
                is_well := false;
                RETURN NEXT ROW(
                    'clocks',
                    'warning',
                    format(
                        'The clocks of contract %s were not examined, as %s is locked by %s.',
                        clause.contract, clause.subject,
                        coalesce(ghostwatch._lock_holders(ARRAY[clause.subject], 'AccessShareLock'), 'a session that this role cannot see')
                    ),
                    'SELECT * FROM ghostwatch.doctor(); -- again when that transaction has ended'
                )::ghostwatch._finding;
        END;
    END LOOP;

    IF is_well THEN
        RETURN QUERY
        SELECT 'clocks', 'ok', 'No clock is seen to differ.', NULL::text;
    END IF;
END
$_doctor_clocks$;

COMMENT ON FUNCTION ghostwatch._doctor_clocks() IS
'The doctor on clocks that differ: birth times in the future, before their transaction, or apart from the arrival, in the contracts of this role.';
