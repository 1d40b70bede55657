CREATE FUNCTION ghostwatch._trials_between(
    rule ghostwatch.invariant,
    after timestamptz,
    up_to timestamptz,
    most integer DEFAULT 5000000
)
RETURNS ghostwatch._trials
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $_trials_between$
-- Where no column says when the related row came, from the recorded counts. Exempt subjects are those that are exempt now.
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
-- and it gives a ghostwatch._trials, which no static check can know: @plpgsql_check_options: other_warnings = false
DECLARE
    clause     ghostwatch._clause;
    trials     ghostwatch._trials;
BEGIN
    SELECT c.* INTO STRICT clause
    FROM ghostwatch._clause AS c
    WHERE c.invariant_id = rule.invariant_id;

    IF rule.related_at_column IS NULL AND coalesce(rule.warn_after, rule.error_after) <> clause.deadline THEN
        RAISE EXCEPTION 'invariant % cannot be replayed with another deadline', quote_literal(rule.name)
            USING ERRCODE = 'GW038',
                  DETAIL = 'No column is declared that says when the related row came, and checks have counted by the present deadline only.',
                  HINT = format('Declare it again with related_at_column => ''a column of %s''.', clause.related);
    END IF;

    IF rule.related_at_column IS NULL OR clause.breaks_later THEN
        -- Within its minute nobody knows the order any more: violations are spread evenly.
        SELECT
            array_agg(b.minute + (n - 0.5) / b.due * '1 minute'::interval ORDER BY b.minute, (n - 0.5) / b.due),
            array_agg(
                CASE WHEN n * b.violations / b.due > (n - 1) * b.violations / b.due THEN 'infinity' ELSE b.minute END
                ORDER BY b.minute, (n - 0.5) / b.due
            ),
            array_agg(b.branch_family ORDER BY b.minute, (n - 0.5) / b.due)
        INTO trials
        FROM ghostwatch.branch_minute AS b
        CROSS JOIN LATERAL generate_series(1, b.due::bigint) AS n
        WHERE b.invariant_id = rule.invariant_id
            AND b.minute > after
            AND b.minute <= up_to;
    ELSE
        PERFORM ghostwatch._enter_search_path(clause.search_path);
        EXECUTE format(
            'SELECT
                array_agg(q.born_at ORDER BY q.born_at),
                array_agg(coalesce(q.came_at, ''infinity'') ORDER BY q.born_at),
                array_agg(q.branch_family ORDER BY q.born_at)
            FROM (%s) AS q
            WHERE NOT (q.exempt_by_branch OR q.exempt_by_predicate)',
            ghostwatch._subject_query(clause, 'born', after, up_to, most + 1, 'came_at')
        )
        INTO trials;
        PERFORM ghostwatch._leave_search_path();
    END IF;

    IF cardinality(trials.born_at) > most THEN
        RAISE EXCEPTION 'there are too many % to replay between % and %', clause.subject, after, up_to
            USING ERRCODE = 'GW039',
                  DETAIL = format('At most %s are kept in memory.', most),
                  HINT = 'Choose a shorter time.';
    END IF;

    RETURN trials;
END
$_trials_between$;

COMMENT ON FUNCTION ghostwatch._trials_between(ghostwatch.invariant, timestamptz, timestamptz, integer) IS
'The subjects born in a stretch of time, and when each got its row, to replay a rule over.
Raises GW038 (a deadline that was not counted by), GW039 (too many to replay).';
