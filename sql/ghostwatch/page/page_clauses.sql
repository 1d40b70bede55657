CREATE FUNCTION ghostwatch.page_clauses()
RETURNS TABLE (
    contract text,
    invariant text,
    subject_label text,
    missing_label text,
    description text,
    runbook_url text,
    rule text,
    enforcement text,
    state text,
    since timestamptz,
    warn_count bigint,
    error_count bigint,
    warn_after interval,
    error_after interval,
    watch_for interval,
    last_success_at timestamptz,
    watermark_lag interval,
    error_state text,
    failing_since timestamptz,
    alert_id bigint,
    alert_severity text,
    acknowledged_by text,
    silenced_until timestamptz,
    maintenance_until timestamptz,
    usual_rate double precision,
    tolerated_rate double precision
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 20
-- A definer, so that the viewer's role needs no right on any table.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $page_clauses$
    -- How every invariant stands, with what the page says beside it.
    -- since: of a firing alert, when it opened; of a check that fails, since when; else when the last alert was resolved
    -- (NULL if there was none). usual_rate and tolerated_rate: of the rule drift (or auto), what it takes to be usual, and what
    -- it tolerates; of the rule threshold, NULL and min_rate.
    SELECT
        s.contract,
        s.invariant,
        c.subject_label,
        i.missing_label,
        coalesce(i.description, c.description),
        i.runbook_url,
        s.rule,
        s.enforcement,
        s.state,
        CASE
            WHEN firing.alert_id IS NOT NULL THEN firing.opened_at
            WHEN p.failing_since IS NOT NULL THEN p.failing_since
            ELSE latest.resolved_at
        END,
        s.warn_count,
        s.error_count,
        i.warn_after,
        i.error_after,
        i.watch_for,
        s.last_success_at,
        s.watermark_lag,
        p.last_error_state,
        p.failing_since,
        s.alert_id,
        firing.severity,
        firing.acknowledged_by,
        silence.ends_at,
        (
            SELECT max(m.ends_at)
            FROM ghostwatch.maintenance AS m
            WHERE m.summarized_at IS NULL
                AND m.started_at <= present.as_of
                AND m.ends_at > present.as_of
                AND ghostwatch._in_maintenance(i.invariant_id, present.as_of)
        ),
        rates.usual,
        CASE i.rule WHEN 'threshold' THEN nullif(i.min_rate, 0) ELSE rates.tolerance END
    FROM ghostwatch.status AS s
    INNER JOIN ghostwatch.contract AS c
        ON c.name = s.contract
    INNER JOIN ghostwatch.invariant AS i
        ON i.contract_id = c.contract_id
        AND i.name = s.invariant
    INNER JOIN ghostwatch.check_progress AS p
        ON p.invariant_id = i.invariant_id
    CROSS JOIN (SELECT ghostwatch._clock() AS as_of) AS present
    LEFT JOIN ghostwatch.alert AS firing
        ON firing.alert_id = s.alert_id
    LEFT JOIN LATERAL (
        SELECT a.resolved_at
        FROM ghostwatch.alert AS a
        WHERE a.kind = 'violations'
            AND coalesce(a.invariant_id, 0) = i.invariant_id
            AND a.state = 'resolved'
        ORDER BY a.resolved_at DESC
        LIMIT 1
    ) AS latest
        ON true
    LEFT JOIN LATERAL (
        SELECT max(q.ends_at) AS ends_at
        FROM ghostwatch.silence AS q
        WHERE q.contract = s.contract
            AND coalesce(q.invariant = s.invariant, q.invariant IS NULL)
            AND q.starts_at <= present.as_of
            AND q.ends_at > present.as_of
            AND q.branch IS NULL
    ) AS silence
        ON true
    LEFT JOIN LATERAL (
        SELECT (b).baseline_rate AS usual, ghostwatch._tolerance(ghostwatch._usual_rate(b, '')) AS tolerance
        FROM (
            SELECT baseline AS b
            FROM ghostwatch.drift_baseline AS baseline
            WHERE baseline.invariant_id = i.invariant_id
            ORDER BY baseline.version DESC
            LIMIT 1
        ) AS latest_baseline
        WHERE i.rule <> 'threshold'
    ) AS rates
        ON true
    ORDER BY s.contract, i.invariant_id
$page_clauses$;

COMMENT ON FUNCTION ghostwatch.page_clauses() IS
'How every invariant stands, for the page: state and since when, open violations, last check, what fires, is silenced or in maintenance, and what is usual. '
'Counts only, no key of a subject.';
