CREATE FUNCTION ghostwatch._replay_threshold(
    rule ghostwatch.invariant,
    trials ghostwatch._trials,
    begin_at timestamptz,
    end_at timestamptz
)
RETURNS SETOF ghostwatch._firing
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $_replay_threshold$
    -- Every full minute counts as a check run.
    WITH trial AS (
        SELECT
            t.born_at,
            t.came_at > t.born_at + coalesce((rule).warn_after, (rule).error_after) AS violated,
            ghostwatch._next_run(t.born_at + coalesce((rule).warn_after, (rule).error_after)) AS opens_at,
            ghostwatch._next_run(t.born_at + (rule).error_after + '1 microsecond'::interval) AS escalates_at,
            ghostwatch._next_run(least(t.came_at, t.born_at + (rule).watch_for + '1 microsecond'::interval)) AS closes_at,
            ghostwatch._next_run(t.born_at + (rule).watch_for + '1 microsecond'::interval) AS leaves_at
        FROM ROWS FROM (unnest((trials).born_at), unnest((trials).came_at)) AS t (born_at, came_at)
    ),
    change AS (
        SELECT c.at, sum(c.violations) AS violations, sum(c.errors) AS errors, sum(c.due) AS due, sum(c.error_due) AS error_due
        FROM trial AS t
        CROSS JOIN LATERAL (
            VALUES
                (t.opens_at, (t.violated AND t.opens_at < t.closes_at)::integer, 0, 1, 0),
                (t.escalates_at, 0, (t.violated AND t.escalates_at < t.closes_at)::integer, 0, 1),
                (t.closes_at, -(t.violated AND t.opens_at < t.closes_at)::integer, -(t.violated AND t.escalates_at < t.closes_at)::integer, 0, 0),
                (t.leaves_at, 0, 0, -1, -1)
        ) AS c (at, violations, errors, due, error_due)
        -- Subjects that got their row in time matter only for the share.
        WHERE (t.violated OR (rule).min_rate > 0) AND isfinite(c.at) AND c.at <= end_at
        GROUP BY c.at
    ),
    total AS (
        SELECT
            c.at,
            (sum(c.violations) OVER so_far)::bigint AS violations,
            (sum(c.errors) OVER so_far)::bigint AS errors,
            (sum(c.due) OVER so_far)::bigint AS due,
            (sum(c.error_due) OVER so_far)::bigint AS error_due
        FROM change AS c
        WINDOW so_far AS (ORDER BY c.at)
    ),
    condition AS (
        SELECT
            greatest(t.at, begin_at) AS at,
            ghostwatch._threshold_severity(rule, t.violations, t.due, t.errors, t.error_due) AS severity,
            t.at AS ordering
        FROM total AS t
    ),
    turn AS (
        SELECT c.at, c.severity, c.ordering, c.severity IS DISTINCT FROM lag(c.severity) OVER (ORDER BY c.ordering) AS is_turn
        FROM condition AS c
    ),
    stretch AS (
        SELECT t.severity, t.at AS begins_at, lead(t.at) OVER (ORDER BY t.ordering) AS ends_at
        FROM turn AS t
        WHERE t.is_turn
    )
    SELECT
        'violations', s.severity, s.begins_at, s.ends_at, s.begins_at - coalesce((rule).warn_after, (rule).error_after) - '1 minute'::interval
    FROM stretch AS s
    WHERE s.severity IS NOT NULL AND s.begins_at IS DISTINCT FROM s.ends_at
    ORDER BY s.begins_at
$_replay_threshold$;

COMMENT ON FUNCTION ghostwatch._replay_threshold(ghostwatch.invariant, ghostwatch._trials, timestamptz, timestamptz) IS
'When the rule "threshold" would have found something wrong, with a check run every minute.';
