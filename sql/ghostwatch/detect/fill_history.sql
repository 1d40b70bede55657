CREATE FUNCTION ghostwatch._fill_history(
    clause ghostwatch._clause,
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_fill_history$
-- So that a rule that compares with the usual rate knows it from its first check on. A busy application says as much in an
-- hour as a small one in four weeks, so that the longest stretch is read that has at most so many subjects.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
DECLARE
    at_most constant integer := 20000;
    ends_at constant timestamptz := ghostwatch._history_to_fill(clause.invariant_id);
    begins_at timestamptz := ends_at;
    stretch interval;
    minutes timestamptz[];
    branch_families text[];
    due integer[];
    violations integer[];
BEGIN
    IF ends_at IS NULL THEN
        RETURN;
    END IF;

    IF clause.related_at_column IS NOT NULL AND NOT clause.capture AND NOT clause.breaks_later THEN
        BEGIN
            PERFORM ghostwatch._enter_search_path(clause.search_path);
            FOREACH stretch IN ARRAY '{28 days,4 days,12 hours,2 hours}'::interval[] LOOP
                begins_at := least(ends_at, as_of - stretch);
                EXECUTE format(
                    'SELECT
                        array_agg(m.minute), array_agg(m.branch_family), array_agg(m.due), array_agg(m.violations)
                    FROM (
                        SELECT
                            date_trunc(''minute'', q.born_at) AS minute,
                            q.branch_family,
                            count(*)::integer AS due,
                            (count(*) FILTER (WHERE coalesce(q.came_at > q.born_at + $1, true)))::integer AS violations
                        FROM (%s) AS q
                        WHERE NOT (q.exempt_by_branch OR q.exempt_by_predicate)
                        GROUP BY date_trunc(''minute'', q.born_at), q.branch_family
                    ) AS m',
                    ghostwatch._subject_query(clause, 'born', begins_at, ends_at, at_most + 1, 'came_at')
                )
                INTO minutes, branch_families, due, violations
                USING clause.deadline;
                EXIT WHEN coalesce((SELECT sum(d) FROM unnest(due) AS d), 0) <= at_most;
            END LOOP;
            PERFORM ghostwatch._leave_search_path();
        EXCEPTION
            WHEN lock_not_available THEN
                RAISE;
            -- A row of the past that no expression can evaluate costs the history, not the check.
            WHEN OTHERS THEN
                begins_at := ends_at;
                minutes := NULL;
        END;
    END IF;

    PERFORM ghostwatch._record_history(clause.invariant_id, begins_at, minutes, branch_families, due, violations);
END
$_fill_history$;

COMMENT ON FUNCTION ghostwatch._fill_history(ghostwatch._clause, timestamptz) IS
'Counts the subjects of the four weeks before the first check, as checks would have, from the application''s own rows.
Does so once, and only where related_at_column says when each row came.';
