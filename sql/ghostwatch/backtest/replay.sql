CREATE FUNCTION ghostwatch._replay(
    rule ghostwatch.invariant,
    begin_at timestamptz,
    end_at timestamptz
)
RETURNS SETOF ghostwatch._replayed_alert
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
ROWS 100
SET search_path = pg_catalog, pg_temp
AS $_replay$
-- Each alert is about the subjects born from its change-point on, and is attributed as a live one is.
-- The name of a rule is one that was checked: @plpgsql_check_options: security_warnings = false
DECLARE
    deadline  constant interval := coalesce(rule.warn_after, rule.error_after);
    trials    ghostwatch._trials := ghostwatch._trials_between(
        rule, begin_at - CASE WHEN ghostwatch._needs_trials(rule.rule) THEN '28 days'::interval ELSE rule.watch_for END, end_at - deadline
    );
    firings   ghostwatch._firing[];
    incidents ghostwatch._incident[];
BEGIN
    rule.rule := ghostwatch._replayed_as(rule, trials, begin_at);

    -- Each rule has a replay of its own that calls what its check calls.
    EXECUTE format('SELECT array_agg(f) FROM ghostwatch.%I($1, $2, $3, $4) AS f', format('_replay_%s', rule.rule))
    INTO firings
    USING rule, trials, begin_at, end_at;

    incidents := ARRAY(
        SELECT i
        FROM ghostwatch._incidents(
            firings,
            CASE WHEN ghostwatch._needs_trials(rule.rule) THEN '0' ELSE ghostwatch._setting('resolve_after')::interval END,
            end_at
        ) AS i
    );

    RETURN QUERY
    WITH incident AS (
        SELECT i.*, row_number() OVER (ORDER BY i.since) AS number
        FROM unnest(incidents) AS i
        WHERE i.kind = 'violations'
    ),
    trial AS (
        SELECT
            t.born_at,
            t.branch_family,
            t.came_at > t.born_at + deadline AS violated,
            width_bucket(t.born_at, (SELECT array_agg(i.since ORDER BY i.since) FROM incident AS i)) AS number
        FROM ROWS FROM (unnest(trials.born_at), unnest(trials.came_at), unnest(trials.branch_families)) AS t (born_at, came_at, branch_family)
    ),
    overall AS (
        SELECT count(*) FILTER (WHERE t.violated)::double precision / nullif(count(*), 0) AS rate
        FROM trial AS t
    ),
    family AS (
        SELECT i.number, t.branch_family, count(*) AS due, count(*) FILTER (WHERE t.violated) AS violations
        FROM incident AS i
        INNER JOIN trial AS t
            ON t.number = i.number
            AND t.born_at + deadline <= coalesce(i.resolved_at, end_at)
        GROUP BY i.number, t.branch_family
    ),
    attributed AS (
        SELECT
            f.number,
            f.due,
            f.violations,
            (
                SELECT string_agg(a.branch_family, ', ' ORDER BY a.excess DESC)
                FROM ghostwatch._attribute(f.families, f.family_due, f.family_violations, (SELECT u.rate FROM overall AS u)) AS a
                WHERE a.named
            ) AS branch
        FROM (
            SELECT
                f.number,
                sum(f.due)::bigint AS due,
                sum(f.violations)::bigint AS violations,
                array_agg(f.branch_family) AS families,
                array_agg(f.due) AS family_due,
                array_agg(f.violations) AS family_violations
            FROM family AS f
            GROUP BY f.number
        ) AS f
    )
    SELECT
        i.kind, i.opened_at, i.resolved_at, coalesce(i.resolved_at, end_at) - i.opened_at, i.severity,
        a.branch, coalesce(a.violations, 0), coalesce(a.due, 0), i.messages
    FROM unnest(incidents) AS i
    LEFT JOIN incident AS numbered
        ON numbered.kind = i.kind
        AND numbered.opened_at = i.opened_at
    LEFT JOIN attributed AS a
        ON a.number = numbered.number
    ORDER BY i.opened_at, i.kind;
END
$_replay$;

COMMENT ON FUNCTION ghostwatch._replay(ghostwatch.invariant, timestamptz, timestamptz) IS
'The alerts that an invariant, with the settings given, would have made between two moments, oldest first. Raises GW038, GW039.';
