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
-- The subjects of a stretch of time, and when each got its row.
-- Takes the invariant, with the settings to replay, the births to read (the first moment excluded), and how many at most.
-- Returns them from the application's own rows, exempt ones left out as they are exempt now; where no column says when
-- the related row came, from what checks have counted.
-- Raises GW038 (a deadline that was not counted by), GW039 (too many to replay).
-- Declared SQL runs here, with the rights of who declared it: @plpgsql_check_options: security_warnings = false
-- and it gives a ghostwatch._trials, which no static check can tell: @plpgsql_check_options: other_warnings = false
DECLARE
    clause     ghostwatch._clause;
    related_at text;
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

    IF rule.related_at_column IS NULL THEN
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
        related_at := CASE ghostwatch._column_type(clause.related, rule.related_at_column)
            WHEN 'timestamp without time zone' THEN format('r.%I AT TIME ZONE %L', rule.related_at_column, coalesce(clause.time_zone, 'UTC'))
            ELSE format('r.%I', rule.related_at_column)
        END;

        PERFORM set_config('search_path', clause.search_path, true);
        EXECUTE format(
            'SELECT array_agg(q.born_at ORDER BY q.born_at), array_agg(q.came_at ORDER BY q.born_at), array_agg(q.branch_family ORDER BY q.born_at)
            FROM (
                SELECT %1$s AS born_at, %2$s AS branch_family,
                    coalesce((SELECT min(%3$s) FROM %4$s AS r WHERE r.%5$I = s.%6$I AND (%7$s)), ''infinity'') AS came_at
                FROM %8$s AS s
                CROSS JOIN LATERAL (SELECT (%9$s)::text AS _value OFFSET 0) AS _branch
                WHERE %10$s
                    AND NOT coalesce(_branch._value LIKE ANY (%11$L::text[]), false)
                    AND NOT coalesce((%12$s), false)
                LIMIT %13$s
            ) AS q',
            ghostwatch._born_at_expression(clause),
            ghostwatch._family_expression(clause.contract_id, '_branch._value'),
            related_at,
            clause.related,
            clause.related_key_column,
            clause.key_column,
            coalesce(clause.predicate, 'true'),
            clause.subject,
            coalesce(clause.branch_expression, 'NULL'),
            ghostwatch._born_between(clause, after, up_to),
            clause.exempt_branches,
            coalesce(clause.exempt_predicate, 'false'),
            most + 1
        )
        INTO trials;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
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
